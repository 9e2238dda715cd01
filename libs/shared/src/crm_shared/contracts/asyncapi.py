"""The AsyncAPI 3 document of a service: the channels it writes and reads, and every message on them."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from crm_shared.contracts.event_types import CONTENT_TYPE, SPEC_VERSION, VERBS, dataschema_of
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.schema import Schema, tidy, value_model
from crm_shared.contracts.topics import TOPICS, TopicSpec

CONTRACT_VERSION: Final = "1"  # counts breaking changes, as the last part of ce_dataschema does

_DESCRIPTION: Final = (
    "CloudEvents 1.0 in binary mode on Kafka. The key is the aggregate's id, the value its whole state after the "
    "event. (aggregate id, version) names an event; a repeated or stale one changes nothing."
)


def build_document(service: str) -> Schema:
    """Return the AsyncAPI 3.0 document of one service as plain data."""
    written = [spec for spec in TOPICS.values() if spec.service == service]
    read = [spec for spec in TOPICS.values() if service in spec.readers]
    types = [event_type for spec in (*written, *read) for event_type in _types_of(spec)]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"CRM {service}", "version": CONTRACT_VERSION, "description": _DESCRIPTION},
        "defaultContentType": CONTENT_TYPE,
        "channels": {spec.name: _build_channel(spec) for spec in (*written, *read)},
        "operations": {
            **{f"send.{spec.name}": _build_operation("send", spec) for spec in written},
            **{f"receive.{spec.name}": _build_operation("receive", spec) for spec in read},
        },
        "components": {
            "messages": {event_type: _build_message(event_type) for event_type in types},
            "schemas": _build_schemas(types),
        },
    }


def _types_of(spec: TopicSpec) -> list[str]:
    return [f"crm.{spec.aggregate}.{verb}" for verb in VERBS[spec.aggregate]]


def _build_channel(spec: TopicSpec) -> Schema:
    configuration: dict[str, Any] = {"cleanup.policy": [spec.cleanup_policy]}
    if spec.retention_ms is not None:
        configuration["retention.ms"] = spec.retention_ms
    return {
        "address": spec.name,
        "description": f"Every change of a {spec.aggregate}, written by {spec.service} alone.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _types_of(spec)},
        "bindings": {
            "kafka": {"topic": spec.name, "topicConfiguration": configuration, "bindingVersion": "0.5.0"},
        },
    }


def _build_operation(action: str, spec: TopicSpec) -> Schema:
    channel = f"#/channels/{spec.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _types_of(spec)],
    }


def _build_message(event_type: str) -> Schema:
    example = build_example(event_type)
    return {
        "name": event_type,
        "contentType": CONTENT_TYPE,
        "headers": _build_headers(event_type, example["headers"]["ce_source"]),
        "payload": {"$ref": f"#/components/schemas/{value_model(event_type).__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
        "examples": [{"headers": example["headers"], "payload": example["value"]}],
    }


def _build_headers(event_type: str, source: str) -> Schema:
    properties: dict[str, Schema] = {
        "ce_specversion": {"const": SPEC_VERSION},
        "ce_id": {"format": "uuid", "description": "UUIDv7"},
        "ce_source": {"const": source},
        "ce_type": {"const": event_type},
        "ce_subject": {"format": "uuid", "description": "the aggregate's id"},
        "ce_time": {"format": "date-time", "description": "when it happened"},
        "ce_dataschema": {"const": dataschema_of(event_type)},
        "ce_tenantid": {"format": "uuid"},
        "ce_sequence": {"pattern": "^[1-9][0-9]*$", "description": "the aggregate's version, decimal"},
        "content-type": {"const": CONTENT_TYPE},
        "traceparent": {"description": "W3C trace context"},
    }
    return {
        "type": "object",
        "properties": {name: {"type": "string", **rule} for name, rule in properties.items()},
        "required": [name for name in properties if name != "traceparent"],
    }


def _build_schemas(types: list[str]) -> Schema:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (value_model(event_type), "serialization") for event_type in types
    ]
    _, definitions = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schemas: Schema = definitions["$defs"]
    tidy(schemas)
    return schemas
