"""What requests about contacts look like. Answers are the contract's own states."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_contacts.contacts.commands import CreateContact, EditContact
from crm_contacts.contacts.domain import NewContact
from crm_contacts.emails import Email, WantedEmail
from crm_contacts.list_filters import Deleted, Owners, WantedTags
from crm_contacts.phones import Phone
from crm_contacts.tags import Tags, to_tags
from crm_shared.access import Caller
from crm_shared.contracts.states import ContactSource, ContactState
from crm_shared.features.custom_fields.bodies import CustomDataChanges, NewCustomData
from crm_shared.features.custom_fields.listing import CustomFieldQuery
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.equality import Equal
from crm_shared.http.models import RequestBody, ShortText


class ContactFields(RequestBody):
    """What a request may say of a contact."""

    first_name: ShortText | None = None
    last_name: ShortText | None = None
    email: Email | None = None
    phone: Phone | None = None
    company_id: UUID | None = None
    job_title: ShortText | None = None
    source: ContactSource | None = None
    owner_id: UUID | None = None
    tags: Tags = Field(default=[])
    custom_data: NewCustomData = Field(default={})
    external_id: ShortText | None = None


class CreateContactRequest(ContactFields):
    """One of first_name, last_name, email and phone is required."""

    def to_command(self, caller: Caller) -> CreateContact:
        settled = {"owner_id": self.owner_id or caller.user_id, "tags": to_tags(self.tags)}
        return CreateContact(caller, NewContact(**{**dict(self), **settled}))


class EditContactRequest(ContactFields):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    owner_id: UUID = Field(default=UUID(int=0))
    custom_data: CustomDataChanges = Field(default={})

    def to_changes(self) -> dict[str, Any]:
        changes = self.given()
        if "tags" in changes:
            changes["tags"] = to_tags(self.tags)
        return changes

    def to_command(self, contact_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditContact:
        return EditContact(caller, contact_id, self.to_changes(), expected_version)


@asking_emptiness(but=("q", "deleted"))
class ContactList(CustomFieldQuery):
    owner_id: Owners = Field(default=[])
    company_id: Equal[UUID] = None
    source: Equal[ContactSource] = None
    tag: WantedTags = Field(default=[])
    email: WantedEmail | None = None
    phone: Annotated[ShortText | None, Field(description="however it is written")] = None
    external_id: Equal[ShortText] = None
    q: Annotated[ShortText | None, Field(description="the beginning of a name or of the e-mail address")] = None
    deleted: Deleted = False


class ContactPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[ContactState]
    next_cursor: str | None
