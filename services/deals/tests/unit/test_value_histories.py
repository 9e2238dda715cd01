"""Past values, read back from the audit."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crm_deals.value_histories import AuditedChange, trace_values

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
FIELDS = ("amount", "owner_id", "stage_id")
STATE = {
    "id": 1,
    "version": 5,
    "name": "Acme",
    "amount": "30.00",
    "owner_id": "ann",
    "stage_id": "won",
    "created_at": BEGAN,
}


def at(day: int) -> datetime:
    return BEGAN + timedelta(days=day)


def change(**fields: tuple[Any, Any]) -> dict[str, Any]:
    return {name: {"from": before, "to": after} for name, (before, after) in fields.items()}


CHANGES = [
    AuditedChange(1, at(0), None),
    AuditedChange(2, at(1), change(amount=("10.00", None), name=("A", "Acme"))),
    AuditedChange(3, at(2), change(name=("Acme", "Acme"))),
    AuditedChange(4, at(1), change(stage_id=("new", "won"))),
    AuditedChange(5, at(3), change(amount=(None, "30.00"))),
]


def test_each_version_tells_what_it_changed_and_the_first_one_all() -> None:
    assert trace_values(STATE, CHANGES, FIELDS) == [
        {"version": 1, "changed_at": at(0), "values": {"amount": "10.00", "owner_id": "ann", "stage_id": "new"}},
        {"version": 2, "changed_at": at(1), "values": {"amount": None}},
        {"version": 4, "changed_at": at(1), "values": {"stage_id": "won"}},
        {"version": 5, "changed_at": at(3), "values": {"amount": "30.00"}},
    ]


def test_the_order_in_which_changes_are_read_means_nothing() -> None:
    assert trace_values(STATE, CHANGES[::-1], FIELDS) == trace_values(STATE, CHANGES, FIELDS)


def test_a_record_older_than_its_audit_begins_as_it_was_before_the_first_known_change() -> None:
    first, *rest = trace_values(STATE, CHANGES[3:], FIELDS)
    assert first == {
        "version": 1,
        "changed_at": BEGAN,
        "values": {"amount": None, "owner_id": "ann", "stage_id": "new"},
    }
    assert [entry["version"] for entry in rest] == [4, 5]
    assert trace_values(STATE, [], FIELDS) == [
        {"version": 1, "changed_at": BEGAN, "values": {name: STATE[name] for name in FIELDS}}
    ]
