"""What the code promises now, in the form in which a baseline keeps it; but for the databases, which need an engine."""

import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from crm_shared.contracts.event_types import EVENT_TYPES
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.schema import value_schema
from crm_shared.contracts.topics import TOPICS
from crm_shared.database_access import DSNS, dsn_variable, list_dsns
from crm_shared.service_registry import SERVICES
from crm_shared.settings import ServiceSettings
from crm_testing.baseline.folder import Shape

FOR_READERS: Final = ("title", "summary", "description", "examples", "example", "operationId", "tags")
"""Words of an OpenAPI document that no client depends on; fields of these names hold no text, and stay."""


def read_settings_class(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = getattr(import_module(f"crm_{service}.settings"), f"{service.title()}Settings")
    return found


def describe_http(service: str) -> Shape:
    """Return the service's OpenAPI document without what is written for people."""
    app = import_module(f"crm_{service}.app").make_app(read_settings_class(service)())
    outlined: Shape = _outline(app.openapi())
    return {"paths": outlined["paths"], "components": outlined["components"]}


def describe_settings(service: str) -> Shape:
    """Return the variables that a service reads, and the databases that each of its commands must be told of."""
    fields = read_settings_class(service).model_fields
    variables = {
        variable: {"required": field.is_required(), "choices": _list_choices(field)}
        for name, field in fields.items()
        for variable in _list_variables(name, field)
    }
    commands = {command: sorted(dsn_variable(service, dsn) for dsn in list_dsns(service, command)) for command in DSNS}
    return {"variables": variables, "commands": commands}


def describe_bus() -> Shape:
    """Return the topics with their owners, and the consumer groups of all services with what each reads."""
    consumers = [one for service in SERVICES for one in import_module(f"crm_{service}.worker").CONSUMERS]
    return {
        "topics": {spec.name: spec.service for spec in TOPICS.values()},
        "groups": {consumer.group_id: sorted(consumer.topics) for consumer in consumers},
    }


def describe_events() -> dict[str, Shape]:
    """Return schemas and examples of all that is published, by event type."""
    return {
        "events/schemas": {event_type: value_schema(event_type) for event_type in EVENT_TYPES},
        "events/examples": {event_type: build_example(event_type) for event_type in EVENT_TYPES},
    }


def describe() -> dict[str, Shape]:
    """Return every part but the databases."""
    parts: dict[str, Shape] = {"bus": describe_bus(), **describe_events()}
    for service in SERVICES:
        parts[f"openapi/{service}"] = describe_http(service)
        parts[f"settings/{service}"] = describe_settings(service)
    return parts


def _outline(node: Any) -> Any:
    if isinstance(node, list):
        return [_outline(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: _outline(value) for name, value in node.items() if name not in FOR_READERS or isinstance(value, dict)}


def _list_variables(name: str, field: FieldInfo) -> Iterator[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        yield from (str(one) for one in alias.choices if str(one).startswith("CRM_"))
    else:
        yield f"CRM_{name.upper()}" if alias is None else str(alias)


def _list_choices(field: FieldInfo) -> list[str]:
    annotations = [field.annotation, *get_args(field.annotation)]
    resolved = [getattr(one, "__value__", one) for one in annotations]
    return sorted(str(choice) for one in resolved if get_origin(one) is Literal for choice in typing.get_args(one))
