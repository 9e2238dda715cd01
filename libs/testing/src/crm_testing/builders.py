"""Builds what the contacts service would tell: for tests of those who listen. Deals have `deal_stories`."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.contracts import Event, new_event
from crm_testing.published import to_event
from crm_testing.published_records import make_empty

BEGAN_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


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
                **make_empty("contact"),
                "id": contact_id,
                "version": version,
                "owner_id": owner_id,
                "first_name": "Zoë",
                "last_name": "Okonkwo",
                "created_at": BEGAN_AT,
                "updated_at": BEGAN_AT,
                **fields,
            },
            changed=None if version == 1 else {},
            actor_id=owner_id,
        )
    )
