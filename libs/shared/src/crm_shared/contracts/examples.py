"""One realistic record per event type, made by the code that sends them: the story of the deal "Acme renewal"."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json, to_jsonable_python

from crm_shared.contracts.changes import conceal
from crm_shared.contracts.event_types import ERASED, SNAPSHOT, VERBS, Change
from crm_shared.contracts.example_records import (
    ADMIN,
    CREATED_AT,
    LOST,
    MOVED_AT,
    OTHER_CONTACT,
    PIPELINE,
    PROPOSAL,
    QUALIFICATION,
    RECORDS,
    REP,
    STAGES,
    TENANT,
    WON,
    Fields,
    make_id,
)
from crm_shared.contracts.writing import new_event

HAPPENED_AT: Final = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)
HAPPENED: Final = "2026-11-22T03:51:54.105000Z"

_WON: Final = {"stage_id": WON, "stage_changed_at": HAPPENED}
_LOST: Final = {"stage_id": LOST, "stage_changed_at": HAPPENED}
_CLOSED: Final = {"stage_id": WON, "status": "WON", "closed_at": MOVED_AT}
_DELETED: Final = {"deleted_at": MOVED_AT}
_ERASED: Final[Fields] = {
    **{
        name: type(value)() if isinstance(value, list | dict) else None
        for name, value in RECORDS["contact"].items()
        if name not in {"id", "owner_id", "shares", "merged_into"}
    },
    "deleted_at": HAPPENED,
    "erased_at": HAPPENED,
}
_SHARED: Final = {
    "shares": [{"user_id": ADMIN, "permission": "READ", "created_at": HAPPENED, "created_by": REP}],
}

# By type: how the record differs from the above before the event, and what the event changes.
STORY: Final[dict[str, tuple[Fields, Fields]]] = {
    "crm.tenant.updated": ({}, {"manager_scope": "SUBTREE"}),
    "crm.user.updated": ({}, {"role": "MANAGER"}),
    "crm.user.deactivated": ({}, {"active": False, "successor_id": ADMIN}),
    "crm.company.updated": ({}, {"size": "501-1000"}),
    "crm.company.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.company.restored": (_DELETED, {"deleted_at": None}),
    "crm.contact.updated": ({}, {"job_title": "Chief Procurement Officer", "tags": ["decision-maker", "board"]}),
    "crm.contact.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.contact.restored": (_DELETED, {"deleted_at": None}),
    "crm.contact.shared": ({}, _SHARED),
    "crm.contact.unshared": (_SHARED, {"shares": []}),
    "crm.contact.merged": ({}, {"merged_into": OTHER_CONTACT}),
    "crm.contact.unmerged": ({"merged_into": OTHER_CONTACT}, {"merged_into": None}),
    "crm.contact.erased": ({}, _ERASED),
    "crm.pipeline.updated": ({"name": "New business"}, {"name": "Sales"}),
    "crm.pipeline.archived": ({"is_default": False}, {"archived": True}),
    "crm.deal.updated": ({}, {"amount": "14000.00", "close_date": "2026-12-15"}),
    "crm.deal.stage_changed": ({}, _WON),
    "crm.deal.won": (_WON, {"status": "WON", "closed_at": HAPPENED}),
    "crm.deal.lost": (_LOST, {"status": "LOST", "closed_at": HAPPENED, "lost_reason": "Price"}),
    "crm.deal.reopened": (_CLOSED | {"stage_id": PROPOSAL}, {"status": "OPEN", "closed_at": None}),
    "crm.deal.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.deal.restored": (_DELETED, {"deleted_at": None}),
    "crm.webhook.updated": ({}, {"event_types": ["crm.deal.won", "crm.deal.reopened"]}),
    "crm.webhook.disabled": (
        {},
        {"active": False, "disabled_at": HAPPENED, "disabled_reason": "12 failures in a row, the last: answered 503"},
    ),
    "crm.webhook.deleted": ({}, {"active": False}),
    "crm.activity.updated": ({}, {"scheduled_at": "2026-11-24T09:00:00.000000Z"}),
    "crm.activity.completed": ({}, {"completed_at": HAPPENED}),
    "crm.activity.reopened": ({"completed_at": MOVED_AT}, {"completed_at": None}),
    "crm.activity.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.activity.restored": (_DELETED, {"deleted_at": None}),
    "crm.activity.reminded": ({}, {"reminded_at": HAPPENED}),
}

_HISTORY: Final[list[Fields]] = [
    {
        "version": 1,
        "from_stage": None,
        "to_stage": {"id": QUALIFICATION, "name": "Qualification"},
        "changed_at": CREATED_AT,
        "changed_by": REP,
    },
    {
        "version": 4,
        "from_stage": {"id": QUALIFICATION, "name": "Qualification"},
        "to_stage": {"id": PROPOSAL, "name": "Proposal"},
        "changed_at": MOVED_AT,
        "changed_by": REP,
    },
]


_VALUE_HISTORIES: Final[dict[str, list[Fields]]] = {
    "crm.deal.snapshot": [
        {
            "version": 1,
            "changed_at": CREATED_AT,
            "values": {
                "pipeline_id": PIPELINE,
                "stage_id": QUALIFICATION,
                "stage_changed_at": CREATED_AT,
                "status": "OPEN",
                "closed_at": None,
                "amount": "9000.00",
                "currency": "EUR",
                "owner_id": REP,
                "close_date": None,
                "deleted_at": None,
            },
        },
        {"version": 3, "changed_at": MOVED_AT, "values": {"amount": "12500.00", "close_date": "2026-12-15"}},
        {"version": 4, "changed_at": MOVED_AT, "values": {"stage_id": PROPOSAL, "stage_changed_at": MOVED_AT}},
    ],
    "crm.pipeline.snapshot": [
        {"version": 1, "changed_at": CREATED_AT, "values": {"stages": list(STAGES.values())}},
    ],
}


def build_example(event_type: str) -> Fields:
    """Return one record of the type as `{key, headers, value}`; headers are text, value is the parsed JSON."""
    _, aggregate, verb = event_type.split(".")
    is_creation, is_snapshot = verb == VERBS[aggregate][0], verb == SNAPSHOT
    before, after = STORY.get(event_type, ({}, {}))
    version = 1 if is_creation else 7
    changed_at = HAPPENED if is_creation else MOVED_AT if is_snapshot else HAPPENED
    record = RECORDS[aggregate] | before
    times = {"created_at": HAPPENED if is_creation else CREATED_AT, "updated_at": changed_at}
    changed = conceal(_compare(record, after)) if verb == ERASED else _compare(record, after)
    event = new_event(
        aggregate=aggregate,
        aggregate_id=UUID(record["id"]),
        verb=verb,
        version=version,
        tenant_id=UUID(TENANT),
        occurred_at=HAPPENED_AT,
        state={"id": record["id"], "version": version, **times} | record | after,
        changed=None if is_creation or is_snapshot else changed,
        actor_id=None if is_snapshot else UUID(REP),
        history=_HISTORY if event_type == "crm.deal.snapshot" else None,
        value_history=_VALUE_HISTORIES.get(event_type),
    )
    published = replace(event, id=UUID(make_id(100)))
    headers = published.headers("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    return {
        "key": str(published.aggregate_id),
        "headers": {name: raw.decode() for name, raw in headers},
        "value": to_jsonable_python(from_json(published.payload)),
    }


def _compare(record: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    changed: dict[str, Change] = {name: {"from": record[name], "to": value} for name, value in after.items()}
    if "stage_id" in changed:
        names = {stage["id"]: stage["name"] for stage in STAGES.values()}
        stage = changed["stage_id"]
        changed["stage_name"] = {"from": names[stage["from"]], "to": names[stage["to"]]}
    return changed
