"""The types of records that can be imported, each by its adapter."""

from typing import Final

from crm_activities.imports.activity_adapter import ActivityAdapter
from crm_shared.features.imports.adapter import Adapters
from crm_shared.features.imports.domain import ImportedType

ADAPTERS: Final[Adapters] = {ImportedType.ACTIVITY: ActivityAdapter()}
