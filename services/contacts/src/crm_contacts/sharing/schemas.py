"""What requests about shares look like, and their answers."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from crm_contacts.sharing.commands import ShareContact
from crm_shared.access import Caller
from crm_shared.contracts.states import SharePermission
from crm_shared.http.models import RequestBody


class ShareRequest(RequestBody):
    """WRITE lets a colleague edit fields and tags and log activities; all else stays with the owner."""

    user_id: UUID
    permission: SharePermission

    def to_command(self, contact_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> ShareContact:
        return ShareContact(caller, contact_id, self.user_id, self.permission, expected_version)


class SharedContact(BaseModel):
    """One colleague's right to a contact."""

    model_config = ConfigDict(frozen=True)

    contact_id: UUID
    user_id: UUID
    full_name: str = Field(description="the user's")
    permission: SharePermission
    created_at: AwareDatetime
    created_by: UUID | None = Field(description="who shared it; null: the system")


class SharePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[SharedContact]
    next_cursor: str | None
