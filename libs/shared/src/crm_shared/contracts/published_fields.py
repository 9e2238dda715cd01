"""What a field's published schema says beside its type: in which release it came, and an enum by its names alone."""

from typing import Annotated, Final, cast

from pydantic import Field, GetPydanticSchema
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import literal_schema, no_info_after_validator_function

from crm_shared.permissions import Role

# Read as a Literal of the names is, which is what the published schemas have: an enum is a definition of its own there.
RoleName = Annotated[
    Role,
    GetPydanticSchema(
        lambda _type, _handler: no_info_after_validator_function(Role, literal_schema([role.value for role in Role]))
    ),
]

ADDED_IN: Final = "x-added-in"


def added_in(release: str) -> FieldInfo:
    """Say in which release a later field came; stands in its `Annotated[…]`.

    It needs a default, which readers take for the events that were sent before it.
    """
    return cast("FieldInfo", Field(json_schema_extra={ADDED_IN: release}))
