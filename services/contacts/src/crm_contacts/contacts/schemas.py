"""What requests about contacts look like. Answers are the contract's own states."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_contacts.contacts.commands import CreateContact, EditContact
from crm_contacts.contacts.domain import NewContact
from crm_contacts.emails import Email
from crm_contacts.list_filters import Deleted, Owners, WantedTags
from crm_contacts.phones import Phone
from crm_contacts.tags import Tags, to_tags
from crm_shared.access import Caller
from crm_shared.contracts.states import ContactSource, ContactState
from crm_shared.custom_fields.bodies import CustomDataChanges, NewCustomData
from crm_shared.custom_fields.listing import CustomFieldQuery
from crm_shared.http.models import RequestBody, ShortText


class CreateContactRequest(RequestBody):
    """One of first_name, last_name, email and phone is required."""

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

    def to_command(self, caller: Caller) -> CreateContact:
        new = NewContact(
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            phone=self.phone,
            phone_e164=None,
            company_id=self.company_id,
            job_title=self.job_title,
            source=self.source,
            owner_id=self.owner_id or caller.user_id,
            tags=to_tags(self.tags),
            external_id=self.external_id,
        )
        return CreateContact(caller, new, self.custom_data)


class EditContactRequest(RequestBody):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    first_name: ShortText | None = None
    last_name: ShortText | None = None
    email: Email | None = None
    phone: Phone | None = None
    company_id: UUID | None = None
    job_title: ShortText | None = None
    source: ContactSource | None = None
    owner_id: UUID = Field(default=UUID(int=0))
    tags: Tags = Field(default=[])
    custom_data: CustomDataChanges = Field(default={})
    external_id: ShortText | None = None

    def to_changes(self) -> dict[str, Any]:
        changes = self.given()
        if "tags" in changes:
            changes["tags"] = to_tags(self.tags)
        return changes

    def to_command(self, contact_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditContact:
        return EditContact(caller, contact_id, self.to_changes(), expected_version)


class ContactList(CustomFieldQuery):
    owner_id: Owners = Field(default=[])
    company_id: UUID | None = None
    source: ContactSource | None = None
    tag: WantedTags = Field(default=[])
    email: Annotated[ShortText | None, Field(description="whatever its case")] = None
    phone: Annotated[ShortText | None, Field(description="however it is written")] = None
    external_id: ShortText | None = None
    q: Annotated[ShortText | None, Field(description="the beginning of a name or of the e-mail address")] = None
    deleted: Deleted = False


class ContactPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[ContactState]
    next_cursor: str | None
