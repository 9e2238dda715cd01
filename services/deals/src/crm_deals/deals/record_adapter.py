"""Deals as the suite's own work on many records sees them."""

from typing import Final

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import DealEdited
from crm_deals.deals.events import MAPPING
from crm_deals.deals.repository import to_deal
from crm_shared.record_adapters import RecordAdapter

DEALS: Final = RecordAdapter(MAPPING, DealEdited, "deals", "d", DEAL_COLUMNS, to_deal, is_audited=True)
