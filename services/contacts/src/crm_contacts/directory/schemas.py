"""What requests about tenants and users look like. Answers are the contract's own states."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from crm_contacts.directory.commands import CreateUser, EditTenant, EditUser
from crm_contacts.directory.domain import NewUser
from crm_contacts.emails import Email, WantedEmail
from crm_contacts.phones import Region
from crm_shared.access import Caller, Role
from crm_shared.contracts.published_fields import RoleName
from crm_shared.contracts.states import ManagerScope, TenantState, UserState
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.models import ListQuery, RequestBody, ShortText
from crm_shared.money import CurrencyCode
from crm_shared.time_zones import TimeZone


class EditTenantRequest(RequestBody):
    """Fields that are left out stay as they are."""

    name: ShortText = Field(default="")
    base_currency: CurrencyCode = Field(default="")
    time_zone: TimeZone = Field(default="")
    manager_scope: ManagerScope = Field(default="DIRECT")
    auto_merge: StrictBool = False
    default_region: Region = Field(default="", description="country of phone numbers that name none")

    def to_command(self, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditTenant:
        return EditTenant(caller, self.given(), expected_version)


class CreateUserRequest(RequestBody):
    email: Email
    full_name: ShortText
    role: RoleName = Role.REP
    manager_id: UUID | None = None
    active: StrictBool = True
    time_zone: TimeZone | None = Field(default=None, description="null: the tenant's")

    def to_command(self, caller: Caller) -> CreateUser:
        return CreateUser(caller, NewUser(**{name: getattr(self, name) for name in CreateUserRequest.model_fields}))


class EditUserRequest(RequestBody):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    email: Email = Field(default="")
    full_name: ShortText = Field(default="")
    role: RoleName = Field(default=Role.REP)
    manager_id: UUID | None = None
    active: StrictBool = True
    time_zone: TimeZone | None = None
    successor_id: UUID | None = Field(
        default=None,
        description="who takes over all records of a user who is, or is hereby, deactivated; it goes over bit by bit",
    )

    def to_command(self, user_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditUser:
        return EditUser(caller, user_id, self.given(), expected_version)


@asking_emptiness(but=("q",))
class UserList(ListQuery):
    email: WantedEmail | None = None
    role: RoleName | None = None
    manager_id: UUID | None = None
    active: bool | None = None
    q: Annotated[ShortText | None, Field(description="how the name, or the e-mail address, begins")] = None


class UserPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[UserState]
    next_cursor: str | None


class Me(BaseModel):
    """The caller, as every service sees them."""

    user: UserState
    tenant: TenantState
    role: RoleName
    visible_owner_count: Annotated[int, Field(description="whose records the caller sees, themselves included")]
