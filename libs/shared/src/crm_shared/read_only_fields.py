"""A record's read-only fields, sent with a change of it: taken where they hold what the record has now."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from crm_shared.json_text import to_json
from crm_shared.refusals import FieldProblem, InvalidField, escape

_ABSENT: Final = object()


def list_read_only(shown: object, taken: object) -> frozenset[str]:
    """Name what the model of an answer shows of a record and the model of a change does not take."""
    return _list_fields(shown) - _list_fields(taken)


def require_unchanged(given: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    """Raise InvalidField that names each of the given fields that is not what the record has. Both as JSON has them."""
    wrong = [
        FieldProblem(f"/{escape(name)}", "can't be changed here, and is not what the record has now")
        for name, value in given.items()
        if not _is_same(value, present.get(name, _ABSENT))
    ]
    if wrong:
        raise InvalidField("A field that is read alone was changed.", errors=wrong)


def to_answered(state: Mapping[str, Any]) -> Any:
    """Return a record's state as who reads its JSON has it, numbers exact."""
    return json.loads(to_json(state), parse_float=Decimal)


def _is_same(one: object, other: object) -> bool:
    """Compare as JSON does: `true` is no 1, whatever Python says."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[name], other[name]) for name in one)
    return one == other


def _list_fields(model: object) -> frozenset[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return frozenset(model.model_fields)
    return frozenset()
