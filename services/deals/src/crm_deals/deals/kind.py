"""Deals as the suite's own work on many records sees them."""

from typing import Final
from uuid import UUID

from crm_deals.deals import events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import Deal, DealEdited
from crm_deals.deals.repository import to_deal
from crm_shared.contracts import OutboxEvent
from crm_shared.record_kinds import Edit, RecordKind


def _to_event(edit: Edit[Deal], tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    edited = DealEdited(edit.record, before=edit.before, at=edit.at)
    (told,) = events.to_wire([edited], tenant_id=tenant_id, actor_id=actor_id)
    return told


DEALS: Final = RecordKind("deal", "deals", "d", DEAL_COLUMNS, to_deal, _to_event)
