"""Custom data of records. No tenant can define custom fields yet, so no key is known."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue

from crm_shared.refusals import FieldProblem, InvalidField


class UnknownCustomField(InvalidField):
    slug, title = "unknown-custom-field", "There is no such custom field"


def require_known(custom_data: Mapping[str, Any]) -> None:
    """Raise UnknownCustomField naming each key."""
    if custom_data:
        errors = [FieldProblem(f"/custom_data/{_escape(key)}", "is not a custom field") for key in custom_data]
        raise UnknownCustomField("; ".join(f"{error.pointer}: {error.detail}" for error in errors[:3]), errors=errors)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


CustomData = Annotated[dict[str, JsonValue], Field(description="custom fields by key")]
