"""Builds what other services would tell: contacts' events, and the events of one deal as it goes its way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from crm_shared.clock import new_id
from crm_shared.contracts import SNAPSHOT, Change, Event, new_event
from crm_shared.testing.published import to_event

BEGAN_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
STEP: Final = timedelta(hours=1)


def make_contact_event(
    tenant_id: UUID, owner_id: UUID, *, contact_id: UUID | None = None, version: int = 1, **fields: Any
) -> Event:
    """Tell of a contact: created at version 1, else deleted or updated, as `fields` say."""
    contact_id = contact_id or new_id()
    is_deleted = fields.get("deleted_at") is not None
    return to_event(
        new_event(
            aggregate="contact",
            aggregate_id=contact_id,
            verb="created" if version == 1 else "deleted" if is_deleted else "updated",
            version=version,
            tenant_id=tenant_id,
            occurred_at=BEGAN_AT,
            state={
                **dict.fromkeys(("email", "phone", "phone_e164", "company_id", "job_title", "source", "external_id")),
                "id": contact_id, "version": version, "owner_id": owner_id,
                "first_name": "Zoë", "last_name": "Okonkwo", "tags": [], "custom_data": {}, "shares": [],
                "created_at": BEGAN_AT, "updated_at": BEGAN_AT, "merged_into": None, "deleted_at": None,
                **fields,
            },
            changed=None if version == 1 else {},
            actor_id=owner_id,
        )
    )


@dataclass
class DealStory:
    """One deal: each call is the next event, a version and an hour on. Stages have ids that follow from their names."""

    tenant_id: UUID
    owner_id: UUID
    contact_id: UUID | None = None
    stage: str = "Qualification"
    id: UUID = field(default_factory=new_id)
    version: int = 0
    at: datetime = BEGAN_AT
    history: list[dict[str, Any]] = field(default_factory=list)

    def create(self) -> Event:
        self._enter(None, self.owner_id)
        return self._tell("created", None, self.owner_id)

    def move(self, stage: str, *, by: UUID | None = None) -> Event:
        """Go to `stage`. `by` is the mover, else the owner."""
        actor_id, before = by or self.owner_id, self.stage
        self.stage = stage
        self._enter(before, actor_id)
        changed: dict[str, Change] = {
            "stage_id": {"from": self._stage_id(before), "to": self._stage_id(stage)},
            "stage_name": {"from": before, "to": stage},
        }
        return self._tell("stage_changed", changed, actor_id)

    def edit(self, **fields: Any) -> Event:
        """Change the deal's `contact_id` or `owner_id`."""
        changed: dict[str, Change] = {
            name: {"from": getattr(self, name), "to": value} for name, value in fields.items()
        }
        for name, value in fields.items():
            setattr(self, name, value)
        self._step()
        return self._tell("updated", changed, self.owner_id)

    def delete(self) -> Event:
        self._step()
        return self._tell("deleted", {"deleted_at": {"from": None, "to": self.at}}, self.owner_id, deleted_at=self.at)

    def snapshot(self) -> Event:
        """Repeat the present version with the whole history, as `republish` does."""
        return self._tell(SNAPSHOT, None, None, history=self.history)

    def _step(self) -> None:
        self.version += 1
        self.at = BEGAN_AT + self.version * STEP

    def _enter(self, before: str | None, actor_id: UUID) -> None:
        self._step()
        self.history.append(
            {
                "version": self.version,
                "from_stage": None if before is None else {"id": self._stage_id(before), "name": before},
                "to_stage": {"id": self._stage_id(self.stage), "name": self.stage},
                "changed_at": self.at,
                "changed_by": actor_id,
            }
        )

    def _stage_id(self, name: str) -> UUID:
        return uuid5(self.tenant_id, name)

    def _tell(
        self,
        verb: str,
        changed: Mapping[str, Change] | None,
        actor_id: UUID | None,
        *,
        history: list[dict[str, Any]] | None = None,
        deleted_at: datetime | None = None,
    ) -> Event:
        empty = ("original_contact_id", "company_id", "closed_at", "lost_reason", "description", "external_id")
        state = {
            **dict.fromkeys(empty),
            "id": self.id, "version": self.version, "name": "Acme renewal",
            "contact_id": self.contact_id, "owner_id": self.owner_id, "custom_data": {},
            "pipeline_id": uuid5(self.tenant_id, "pipeline"), "stage_id": self._stage_id(self.stage),
            "amount": "12500.00", "currency": "EUR", "close_date": "2026-11-30", "status": "OPEN",
            "stage_changed_at": self.history[-1]["changed_at"], "created_at": BEGAN_AT, "updated_at": self.at,
            "deleted_at": deleted_at,
        }
        return to_event(
            new_event(
                aggregate="deal",
                aggregate_id=self.id,
                verb=verb,
                version=self.version,
                tenant_id=self.tenant_id,
                occurred_at=self.at,
                state=state,
                changed=changed,
                actor_id=actor_id,
                history=history,
            )
        )
