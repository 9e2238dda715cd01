"""How a list's query declares `<field>.empty=true|false`."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from crm_shared.listing.emptiness import read_emptiness

IsEmpty = Annotated[
    bool | None,
    BeforeValidator(read_emptiness, json_schema_input_type=bool),
    Field(description="true: records without a value, false: those with one"),
]
"""A list's field `<name>_empty`, with `<name>.empty` for its alias."""
