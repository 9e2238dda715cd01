"""The table of deals: its columns are the fields of `Deal`, in their order."""

from typing import Final

from crm_deals.deals.domain import Deal
from crm_shared.database import RecordTable
from crm_shared.features.custom_fields.columns import DEAL_CUSTOM_DATA

DEAL_TABLE: Final = RecordTable("deals", Deal, alias="d", selected={"custom_data": DEAL_CUSTOM_DATA})
DEAL_COLUMNS: Final = DEAL_TABLE.columns
