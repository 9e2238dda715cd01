"""No request of any service takes a moment or a day outside 1900 to 2200, whatever the field is called."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from crm_reporting.months import SCHEMA as MONTH
from crm_shared.service_registry import REGISTRY

PACKAGES = ("crm_shared", *(service.package for service in REGISTRY))
INSIDE = {
    "date-time": ("1900-01-01T00:00:00Z", "2200-12-31T23:59:59.999999Z", "2201-01-01T13:59:59+14:00"),
    "date": ("1900-01-01", "2200-12-31"),
    "month": ("1900-01", "2200-12"),
}
OUTSIDE = {
    "date-time": (
        *("0001-01-01T00:00:00Z", "1899-12-31T23:59:59.999999Z", "1900-01-01T00:00:00+00:01"),
        *("2201-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2026-11-22T03:51:54", "infinity", "-infinity"),
    ),
    "date": ("0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31", "infinity"),
    "month": ("0001-01", "1899-12", "2201-01", "2026-13", "2026-00", "2026-11-01", "infinity"),
}


def list_requests() -> Iterator[type[BaseModel]]:
    """Yield every model that refuses unknown fields, or reads custom fields out of them: what requests are read by."""
    for name in PACKAGES:
        for module in walk_packages(import_module(name).__path__, f"{name}."):
            if module.name.endswith(("schemas", "filters", "listing", "routes", "http.models")):
                import_module(module.name)
    waiting = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("crm_") and model.model_config.get("extra") in {"forbid", "allow"}:
            yield model


def find_formats(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if schema.get("format") in INSIDE:
            yield schema["format"]
        if schema.get("pattern") == MONTH["pattern"]:
            yield "month"
        for part in schema.values():
            yield from find_formats(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from find_formats(part)


def list_doors() -> list[tuple[str, FieldInfo, str]]:
    doors = [
        (f"{model.__module__}.{model.__name__}.{name}", field, kind)
        for model in list_requests()
        for name, field in model.model_fields.items()
        # What comes out, not what goes in: some take their texts apart themselves.
        for kind in set(find_formats(TypeAdapter[Any](field.rebuild_annotation()).json_schema(mode="serialization")))
    ]
    return sorted(doors, key=lambda door: (door[0], door[2]))


DOORS = list_doors()


def test_the_doors_are_found() -> None:
    names = {name.rpartition(".")[2] for name, *_ in DOORS}
    assert names >= {"created_at", "changed_at", "close_date", "occurred_at", "scheduled_at", "completed_at", "as_of"}
    assert names >= {"updated_since", "effective_on", "since", "from_", "to", "from_at", "to_at", "close_date_from"}


@pytest.mark.parametrize(("name", "field", "kind"), DOORS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_moment_or_a_day_out_of_the_window_is_refused_at_every_door(name: str, field: FieldInfo, kind: str) -> None:
    adapter = TypeAdapter[Any](field.rebuild_annotation())
    assert [text for text in INSIDE[kind] if not takes(adapter, text)] == []
    assert [text for text in OUTSIDE[kind] if takes(adapter, text)] == [], name


DAYS = [(name, field) for name, field, kind in DOORS if kind == "date"]


@pytest.mark.parametrize(("name", "field"), DAYS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_day_is_no_instant_at_midnight(name: str, field: FieldInfo) -> None:
    """Of which zone would it be the day? Some take either, and know one from the other."""
    adapter = TypeAdapter[Any](field.rebuild_annotation())
    taken = [takes(adapter, f"2026-11-22T{time}Z") for time in ("00:00:00", "13:15:00")]
    assert taken[0] == taken[1], name


def takes(adapter: TypeAdapter[Any], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True
