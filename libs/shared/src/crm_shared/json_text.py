"""The one way to JSON. What is no number is null: most readers refuse a whole text that holds `NaN` or `Infinity`."""

from typing import Any

import pydantic_core


class JsonText(bytes):
    """JSON that is written already, for a statement's parameter of the type jsonb."""


def to_json(value: Any) -> bytes:
    """Write UUIDs, instants, days and decimals as strings, and NaN and infinities as null."""
    return pydantic_core.to_json(value, inf_nan_mode="null")
