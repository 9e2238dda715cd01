"""Any record told as events, version by version, the way its owner tells of it: for tests of those who show records."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.contracts import VERBS, Event, OutboxEvent, new_event
from crm_shared.contracts.states import STATE_MODELS
from crm_testing.published import to_event

PUBLISHED_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)

_FILLED: Final[dict[str, dict[str, Any]]] = {
    "company": {"name": "Acme"},
    "pipeline": {"name": "Sales", "is_default": True, "stages": []},
    "deal": {"name": "Acme renewal", "currency": "EUR", "status": "OPEN", "stage_changed_at": PUBLISHED_AT},
    "activity": {"type": "NOTE", "occurred_at": PUBLISHED_AT},
}
"""What a record must have."""

_KEPT_OF_ERASED: Final = frozenset({"owner_id", "merged_into"})


def make_empty(aggregate: str) -> dict[str, Any]:
    """Return a state that is empty but for what the record must have; its id, version and times are the caller's."""
    fields = STATE_MODELS[aggregate].model_fields.items()
    empty = {name: field.get_default(call_default_factory=True) for name, field in fields if not field.is_required()}
    return empty | _FILLED.get(aggregate, {})


@dataclass
class PublishedRecord:
    """`state` is the whole record; `publish()` its newest event, `change()`, `delete()` and `erase()` the next."""

    aggregate: str
    tenant_id: UUID
    state: dict[str, Any]

    @classmethod
    def new(cls, aggregate: str, tenant_id: UUID, /, **fields: Any) -> "PublishedRecord":
        """Make one at version 1, `fields` over a record that is empty but for what it must have."""
        state = {"id": new_id(), "version": 1, "created_at": PUBLISHED_AT, "updated_at": PUBLISHED_AT}
        return cls(aggregate, tenant_id, {**state, **make_empty(aggregate), **fields})

    @property
    def id(self) -> UUID:
        record_id: UUID = self.state["id"]
        return record_id

    @property
    def version(self) -> int:
        version: int = self.state["version"]
        return version

    def publish(self, verb: str | None = None) -> Event:
        return to_event(self.write(verb))

    def write(self, verb: str | None = None) -> OutboxEvent:
        """Return what `publish` tells as its owner's outbox has it."""
        first, second = VERBS[self.aggregate][:2]
        verb = verb or (first if self.version == 1 else second)
        is_plain = verb in {first, "snapshot"}
        return new_event(
            aggregate=self.aggregate,
            aggregate_id=self.id,
            verb=verb,
            version=self.version,
            tenant_id=self.tenant_id,
            occurred_at=self.state["updated_at"],
            state=self.state,
            changed=None if is_plain else {},
            actor_id=None,
        )

    def change(self, **fields: Any) -> Event:
        """Go on by one version, a minute later unless `fields` say when."""
        later = {"version": self.version + 1, "updated_at": self.state["updated_at"] + timedelta(minutes=1)}
        self.state = {**self.state, **later, **fields}
        return self.publish()

    def delete(self) -> Event:
        self.change(deleted_at=self.state["updated_at"])
        return self.publish("deleted")

    def erase(self) -> Event:
        """Go on to the empty shell of a contact."""
        emptied = {name: value for name, value in make_empty(self.aggregate).items() if name not in _KEPT_OF_ERASED}
        at = self.state["updated_at"]
        self.change(**{**emptied, "deleted_at": self.state["deleted_at"] or at, "erased_at": at})
        return self.publish("erased")


def make_contact_event(
    tenant_id: UUID, owner_id: UUID, *, contact_id: UUID | None = None, version: int = 1, **fields: Any
) -> Event:
    """Tell of a contact: created at version 1, else deleted or updated, as `fields` say."""
    named = {"first_name": "Zoë", "last_name": "Okonkwo", "owner_id": owner_id}
    known = {"id": contact_id or new_id(), "version": version}
    contact = PublishedRecord.new("contact", tenant_id, **{**named, **known, **fields})
    return contact.publish("deleted" if version > 1 and contact.state["deleted_at"] is not None else None)
