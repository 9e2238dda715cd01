"""The types of records that can be imported, each by its adapter."""

from typing import Final

from crm_activities.imports.activity_kind import ActivityKind
from crm_shared.features.imports.domain import ImportedType
from crm_shared.features.imports.kind import Kinds

KINDS: Final[Kinds] = {ImportedType.ACTIVITY: ActivityKind()}
