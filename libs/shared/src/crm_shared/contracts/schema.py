"""The JSON Schema of each event's value, made from the state models. What is sent is described, so nothing may lack.

How a field is added later: give it a default and mark it with `added_in`; events sent before it then stay valid.
"""

from typing import Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from crm_shared.contracts.dated_values import VALUE_ENTRIES
from crm_shared.contracts.event_types import VERBS, dataschema_of
from crm_shared.contracts.published_fields import ADDED_IN
from crm_shared.contracts.states import STATE_MODELS, StageEntry
from crm_shared.contracts.topics import SNAPSHOT

Schema: TypeAlias = dict[str, Any]

RESTORED_FROM: Final = (
    "only after the service's database was restored to an earlier moment: the version that the record had then (0: it"
    " was not there). What was told of versions between that and this one is no longer so"
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class ChangeValue(BaseModel):
    """What a field was and what it became."""

    from_: JsonValue = Field(alias="from")
    to: JsonValue


class StageChanges(BaseModel):
    """A move names both stages as they were called at that time; other fields may have changed with it."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ChangeValue] = Field(init=False)

    stage_id: ChangeValue
    stage_name: ChangeValue


class Actor(BaseModel):
    """Who caused the event; null instead of it means the system."""

    user_id: str = Field(json_schema_extra={"format": "uuid"})


def _changed_type(aggregate: str, verb: str) -> Any:
    if verb in (VERBS[aggregate][0], SNAPSHOT):
        return None
    return StageChanges if verb == "stage_changed" else dict[str, ChangeValue]


def value_model(event_type: str) -> type[BaseModel]:
    """Return the model of one event type's whole value: the state under its aggregate's name, changed, actor."""
    _, aggregate, verb = event_type.split(".")
    fields: dict[str, Any] = {
        aggregate: (STATE_MODELS[aggregate], Field(description="the whole record after the event")),
        "changed": (_changed_type(aggregate, verb), Field(description="what the event changed, by field")),
        "actor": (Actor | None, ...),
    }
    if (aggregate, verb) == ("deal", SNAPSHOT):
        fields["history"] = (list[StageEntry], Field(description="every stage the deal was in, oldest first"))
    if verb == SNAPSHOT:
        restored_from = Field(description=RESTORED_FROM, json_schema_extra={ADDED_IN: "0.2"}, ge=0)
        fields["restored_from"] = (int, restored_from)
    if verb == SNAPSHOT and aggregate in VALUE_ENTRIES:
        entries: Any = list[VALUE_ENTRIES[aggregate]]  # type: ignore[valid-type]  # a type made at run time
        described = Field(
            description="the values of every past moment, oldest first", json_schema_extra={ADDED_IN: "0.2"}
        )
        fields["value_history"] = (entries, described)
    name = "".join(word.capitalize() for word in (aggregate, *verb.split("_")))
    return create_model(name, __doc__=f"The value of a {event_type} record.", **fields)


def value_schema(event_type: str) -> Schema:
    """Return the JSON Schema of one event type's value, complete in itself."""
    return schema_of(value_model(event_type)) | {"$schema": DIALECT, "$id": dataschema_of(event_type)}


def schema_of(model: type[BaseModel]) -> Schema:
    """Describe what `model` sends. Fields marked `added_in` are optional, as older events lack them."""
    schema = model.model_json_schema(mode="serialization")
    tidy(schema)
    return schema


def tidy(node: object) -> None:
    """Take back `required` from later fields, in place, and drop titles, which only repeat the names."""
    if isinstance(node, list):
        for item in node:
            tidy(item)
    if not isinstance(node, dict):
        return
    properties = node.get("properties")
    if isinstance(properties, dict) and "required" in node:
        node["required"] = [name for name in node["required"] if ADDED_IN not in properties[name]]
    if isinstance(node.get("title"), str):
        del node["title"]
    for item in node.values():
        tidy(item)
