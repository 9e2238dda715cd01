"""What requests about custom fields and their answers look like."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

from crm_shared.access import Caller
from crm_shared.features.custom_fields.commands import CreateCustomField, EditCustomField
from crm_shared.features.custom_fields.domain import KEY, MAX_OPTIONS, NewCustomField, Option
from crm_shared.features.custom_fields.kinds import EntityType, FieldType, IndexState
from crm_shared.http.models import PageQuery, RequestBody, ShortText


class OptionBody(RequestBody):
    value: Annotated[ShortText, Field(description="what records hold; never changes")]
    label: Annotated[ShortText | None, Field(description="what people read; the value unless given")] = None
    retired: Annotated[StrictBool, Field(description="records that hold it keep it, nobody new gets it")] = False

    def to_option(self) -> Option:
        return Option(self.value, self.label or self.value, self.retired)


def _to_body(option: object) -> object:
    return {"value": option} if isinstance(option, str) else option


OptionBodies = Annotated[list[Annotated[OptionBody, BeforeValidator(_to_body)]], Field(max_length=MAX_OPTIONS)]
Key = Annotated[str, StringConstraints(pattern=f"^{KEY.pattern}$"), Field(examples=["tier"])]


class CreateCustomFieldRequest(RequestBody):
    """`options` belong to SELECT and MULTI_SELECT: objects, or strings where value and label are one."""

    entity_type: EntityType
    key: Key
    label: ShortText
    field_type: FieldType
    options: OptionBodies = Field(default=[])
    required: StrictBool = False
    indexed: Annotated[
        StrictBool,
        Field(description="an index for filters, ranges and order, built in the background; not of MULTI_SELECT"),
    ] = False
    used_for_matching: Annotated[StrictBool, Field(description="evidence when duplicates are looked for")] = False

    def to_command(self, caller: Caller) -> CreateCustomField:
        new = NewCustomField(
            entity_type=self.entity_type,
            key=self.key,
            label=self.label,
            field_type=self.field_type,
            options=tuple(option.to_option() for option in self.options),
            required=self.required,
            indexed=self.indexed,
            used_for_matching=self.used_for_matching,
        )
        return CreateCustomField(caller, new)


class EditCustomFieldRequest(RequestBody):
    """Fields that are left out stay as they are; options that are left out of `options` are retired.

    entity_type, key and field_type never change: another value than the present one is refused.
    """

    entity_type: EntityType = Field(default=EntityType.CONTACT)
    key: Key = Field(default="")
    label: ShortText = Field(default="")
    field_type: FieldType = Field(default=FieldType.TEXT)
    options: OptionBodies = Field(default=[])
    required: StrictBool = False
    indexed: StrictBool = False
    used_for_matching: StrictBool = False

    def to_command(
        self, field_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> EditCustomField:
        changes: dict[str, Any] = self.given()
        if "options" in changes:
            changes["options"] = tuple(option.to_option() for option in self.options)
        return EditCustomField(caller, field_id, changes, expected_version)


class CustomFieldList(PageQuery):
    entity_type: EntityType | None = None
    sort: Annotated[str | None, Field(max_length=100)] = None


class OptionState(BaseModel):
    value: str
    label: str
    retired: bool


class CustomFieldState(BaseModel):
    """`index_state` moves with the worker's progress and leaves the version as it is."""

    id: UUID
    version: int
    entity_type: EntityType
    key: str
    label: str
    field_type: FieldType
    options: list[OptionState]
    required: bool
    indexed: bool
    index_state: IndexState
    used_for_matching: bool
    created_at: datetime
    updated_at: datetime


class CustomFieldPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[CustomFieldState]
    next_cursor: str | None
