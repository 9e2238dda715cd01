"""An id comes in as it goes out: 36 characters, in groups joined by hyphens.

Python and pydantic read `{…}`, `urn:uuid:…` and 32 digits without hyphens too. Whoever compares ids as texts, such as
a cache or a log's reader, would hold these for others.
"""

import re
from typing import Any, Final, cast
from uuid import UUID

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_CANONICAL: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
OPAQUE: Final = frozenset({"metadata", "serialization"})
NO_ID: Final = "is no id such as 0195a5f0-0000-7000-8000-000000000001"


def is_id(text: str) -> bool:
    return _CANONICAL.fullmatch(text) is not None


def parse_id(text: str) -> UUID:
    """Read an id; capitals count as small letters. Raises ValueError for any other way to write one."""
    if not is_id(text):
        raise ValueError(NO_ID)
    return UUID(text)


def _check(value: object) -> object:
    if isinstance(value, str) and not is_id(value):
        raise ValueError(NO_ID)
    return value


def _require_canonical(node: Any) -> Any:
    """Return a core schema with the check before each UUID in it."""
    if isinstance(node, list | tuple):
        return type(node)(_require_canonical(each) for each in node)
    if not isinstance(node, dict):
        return node
    if node.get("type") == "uuid":
        return core_schema.no_info_before_validator_function(_check, node)
    if node.get("type") == "function-before" and node["function"]["function"] is _check:
        return node
    return {name: each if name in OPAQUE else _require_canonical(each) for name, each in node.items()}


class CanonicalIds(BaseModel):
    """A request's model whose ids are read so, wherever in its fields they stand: as UUID, in lists, or None."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        schema = handler(source)
        model = cast("dict[str, Any]", handler.resolve_ref_schema(schema))
        if "schema" in model:
            model["schema"] = _require_canonical(model["schema"])
        return schema
