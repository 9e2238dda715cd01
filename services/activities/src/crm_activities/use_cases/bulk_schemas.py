"""What the items of a batch look like: the single requests, and the day when an activity was logged elsewhere."""

from typing import Final
from uuid import UUID

from pydantic import Field

from crm_activities.activities.activity import NewActivity
from crm_activities.use_cases.batch import ImportActivity
from crm_activities.use_cases.schemas import EditActivityRequest, LogActivityRequest
from crm_shared.http.models import Instant


class ImportActivityRequest(LogActivityRequest):
    created_at: Instant | None = Field(default=None, description="ADMIN: when the activity was logged elsewhere")

    def to_import(self) -> ImportActivity:
        fields = self.read_fields()
        created_at = fields.pop("created_at")
        return ImportActivity(NewActivity(**fields), created_at)


LEFT_TO_THE_SERVICE: Final = frozenset({"user_id", "occurred_at"})
"""Of a new activity null stands for the caller, and for now; an activity that is there keeps what it has."""


class UpsertActivityRequest(EditActivityRequest):
    """What an activity that is there takes of an upsert's item; when it was logged stays as it is."""

    user_id: UUID | None = None  # type: ignore[assignment]
    occurred_at: Instant | None = None  # type: ignore[assignment]
    created_at: Instant | None = None

    def to_changes(self) -> dict[str, object]:
        """Return the fields that the item named and that say something of an activity that is there."""
        changes = super().to_changes()
        changes.pop("created_at", None)
        return {n: value for n, value in changes.items() if value is not None or n not in LEFT_TO_THE_SERVICE}
