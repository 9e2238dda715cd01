"""Deals as the cleaning of a deleted field sees them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_deals.deals import events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import DealEdited
from crm_deals.deals.repository import to_deal
from crm_shared.contracts import OutboxEvent
from crm_shared.custom_fields import EntityType
from crm_shared.custom_fields.cleaning import Holders

LOCK_DEALS = (
    "SELECT"
    + DEAL_COLUMNS
    + """, d.custom_data AS stored
      FROM deals d
     WHERE d.tenant_id = $1 AND d.custom_data ?| $2::text[] AND d.id > $3
     ORDER BY d.id
     LIMIT $4
       FOR UPDATE OF d
"""
)

CLEAN_DEALS = """
    UPDATE deals
       SET custom_data = custom_data - $2::text[],
           version = CASE WHEN deleted_at IS NULL THEN version + 1 ELSE version END,
           updated_at = CASE WHEN deleted_at IS NULL THEN $4 ELSE updated_at END
     WHERE tenant_id = $1 AND id = ANY($3)
"""


def _tell_deal(row: Mapping[str, Any], tenant_id: UUID, now: datetime) -> OutboxEvent:
    deal = to_deal({name: value for name, value in row.items() if name != "stored"})
    cleaned = replace(deal, version=deal.version + 1, updated_at=now)
    edited = DealEdited(cleaned, before=replace(deal, custom_data=row["stored"]), at=now)
    (told,) = events.to_wire([edited], tenant_id=tenant_id, actor_id=None)
    return told


HOLDERS = (Holders(EntityType.DEAL, LOCK_DEALS, CLEAN_DEALS, _tell_deal),)
