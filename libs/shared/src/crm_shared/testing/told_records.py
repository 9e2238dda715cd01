"""Any record told as events, version by version, the way its owner tells of it: for tests of those who show records."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.contracts import VERBS, Event, new_event
from crm_shared.testing.published import to_event

TOLD_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)

_EMPTY: Final[dict[str, dict[str, Any]]] = {
    "company": {
        **dict.fromkeys(("domain", "industry", "size", "website", "deleted_at")),
        "name": "Acme",
        "tags": [],
        "custom_data": {},
    },
    "contact": {
        **dict.fromkeys(("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "job_title")),
        **dict.fromkeys(("source", "external_id", "merged_into", "deleted_at")),
        "tags": [],
        "custom_data": {},
        "shares": [],
    },
    "pipeline": {"name": "Sales", "is_default": True, "archived": False, "stages": []},
    "deal": {
        **dict.fromkeys(("contact_id", "original_contact_id", "company_id", "amount", "close_date", "closed_at")),
        **dict.fromkeys(("lost_reason", "description", "external_id", "deleted_at")),
        "name": "Acme renewal",
        "currency": "EUR",
        "status": "OPEN",
        "stage_changed_at": TOLD_AT,
        "custom_data": {},
    },
    "activity": {
        **dict.fromkeys(("contact_id", "original_contact_id", "deal_id", "user_id", "subject", "body")),
        **dict.fromkeys(("scheduled_at", "completed_at", "direction", "in_reply_to", "duration_s", "external_id")),
        "type": "NOTE",
        "occurred_at": TOLD_AT,
        "system": False,
        "deleted_at": None,
    },
}


@dataclass
class ToldRecord:
    """`state` is the whole record; `tell()` its newest event, `change(...)`, `delete()` and `erase()` the next one."""

    aggregate: str
    tenant_id: UUID
    state: dict[str, Any]

    @classmethod
    def new(cls, aggregate: str, tenant_id: UUID, /, **fields: Any) -> "ToldRecord":
        """Make one at version 1, `fields` over a record that is empty but for what it must have."""
        state = {"id": new_id(), "version": 1, "created_at": TOLD_AT, "updated_at": TOLD_AT}
        return cls(aggregate, tenant_id, {**state, **_EMPTY[aggregate], **fields})

    @property
    def id(self) -> UUID:
        record_id: UUID = self.state["id"]
        return record_id

    @property
    def version(self) -> int:
        version: int = self.state["version"]
        return version

    def tell(self, verb: str | None = None) -> Event:
        first, second = VERBS[self.aggregate][:2]
        verb = verb or (first if self.version == 1 else second)
        is_plain = verb in {first, "snapshot"}
        return to_event(
            new_event(
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
        )

    def change(self, **fields: Any) -> Event:
        """Go on by one version, a minute later unless `fields` say when."""
        later = {"version": self.version + 1, "updated_at": self.state["updated_at"] + timedelta(minutes=1)}
        self.state = {**self.state, **later, **fields}
        return self.tell()

    def delete(self) -> Event:
        self.change(deleted_at=self.state["updated_at"])
        return self.tell("deleted")

    def erase(self) -> Event:
        """Go on to the empty shell of a contact."""
        emptied = {name: _EMPTY[self.aggregate][name] for name in _EMPTY[self.aggregate] if name != "merged_into"}
        at = self.state["updated_at"]
        self.change(**{**emptied, "deleted_at": self.state["deleted_at"] or at, "erased_at": at})
        return self.tell("erased")
