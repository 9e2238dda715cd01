"""What requests about companies look like. Answers are the contract's own states."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crm_contacts.companies.commands import CreateCompany, EditCompany
from crm_contacts.companies.domain import NewCompany
from crm_contacts.companies.internet import InternetDomain, Website
from crm_contacts.list_filters import Deleted, Owners, WantedTags
from crm_contacts.tags import Tags, to_tags
from crm_shared.access import Caller
from crm_shared.contracts.states import CompanyState
from crm_shared.features.custom_fields.bodies import CustomDataChanges, NewCustomData
from crm_shared.features.custom_fields.listing import CustomFieldQuery
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.equality import Equal
from crm_shared.http.models import RequestBody, ShortText


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Size = Annotated[ShortText, BeforeValidator(_to_text), Field(examples=["51-200"])]
"""A number of employees or a range of it."""


class CompanyFields(RequestBody):
    """What a request may say of a company."""

    name: ShortText
    domain: InternetDomain | None = None
    industry: ShortText | None = None
    size: Size | None = None
    website: Website | None = None
    owner_id: UUID | None = None
    tags: Tags = Field(default=[])
    custom_data: NewCustomData = Field(default={})


class CreateCompanyRequest(CompanyFields):
    def to_command(self, caller: Caller) -> CreateCompany:
        settled = {"owner_id": self.owner_id or caller.user_id, "tags": to_tags(self.tags)}
        return CreateCompany(caller, NewCompany(**{**dict(self), **settled}))


class EditCompanyRequest(CompanyFields):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    name: ShortText = Field(default="")
    owner_id: UUID = Field(default=UUID(int=0))
    custom_data: CustomDataChanges = Field(default={})

    def to_changes(self) -> dict[str, Any]:
        changes = self.given()
        if "tags" in changes:
            changes["tags"] = to_tags(self.tags)
        return changes

    def to_command(self, company_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditCompany:
        return EditCompany(caller, company_id, self.to_changes(), expected_version)


@asking_emptiness(but=("q", "deleted"))
class CompanyList(CustomFieldQuery):
    owner_id: Owners = Field(default=[])
    domain: Equal[InternetDomain] = None
    industry: Equal[ShortText] = None
    tag: WantedTags = Field(default=[])
    q: ShortText | None = Field(default=None, description="the beginning of the name or domain")
    deleted: Deleted = False


class CompanyPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[CompanyState]
    next_cursor: str | None
