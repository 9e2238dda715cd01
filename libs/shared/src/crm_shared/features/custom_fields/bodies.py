"""`custom_data` in request bodies."""

from typing import Annotated, Any

from pydantic import Field

_EXAMPLE = {"tier": "gold", "seats": "12.5", "renewal": "2026-11-22", "interests": ["api", "support"]}

NewCustomData = Annotated[
    dict[str, Any],
    Field(description="values of custom fields by key; required fields must be among them", examples=[_EXAMPLE]),
]

CustomDataChanges = Annotated[
    dict[str, Any],
    Field(
        description="values of custom fields by key. Keys that are not named stay as they are; null removes one",
        examples=[_EXAMPLE],
    ),
]
