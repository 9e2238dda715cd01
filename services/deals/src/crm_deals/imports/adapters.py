"""The types of records that can be imported, each by its adapter."""

from typing import Final

from crm_deals.imports.deal_adapter import DealAdapter
from crm_shared.features.imports.adapter import Adapters
from crm_shared.features.imports.domain import ImportedType

ADAPTERS: Final[Adapters] = {ImportedType.DEAL: DealAdapter()}
