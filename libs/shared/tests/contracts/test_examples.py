"""Every published example is valid by its schema, readable by this release, and so is every one ever released."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from crm_shared import contracts
from crm_shared.contracts import EVENT_TYPES, Event, decode
from crm_shared.contracts.published_fields import ADDED_IN
from crm_shared.contracts.schema import value_schema
from crm_shared.contracts.states import STATE_MODELS
from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE, TOPICS, dead_letter_topic, topic_of

FOLDER = Path(contracts.__file__).parent


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@lru_cache
def load_validator(event_type: str) -> Draft202012Validator:
    schema = load(FOLDER / "schemas" / f"{event_type}.json")
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def validate(event_type: str, value: object) -> None:
    load_validator(event_type).validate(value)


def read(example: Any) -> Event:
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    event = decode(example["key"].encode(), to_json(example["value"]), headers)
    event.read(STATE_MODELS[event.aggregate])
    event.read_history()
    return event


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_example_is_valid_and_readable(event_type: str) -> None:
    example = load(FOLDER / "examples" / f"{event_type}.json")

    validate(event_type, example["value"])
    event = read(example)

    assert event.type == event_type
    assert example["headers"]["ce_source"] == TOPIC_OF_AGGREGATE[event.aggregate].source


@pytest.mark.parametrize("path", sorted((FOLDER / "released" / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_a_released_example_stays_valid_and_readable(path: Path) -> None:
    example = load(path)

    validate(path.stem, example["value"])
    assert read(example).type == path.stem


def is_later(field: FieldInfo) -> bool:
    """Return whether the field came after the first release, so that events without it are valid for ever."""
    return isinstance(field.json_schema_extra, dict) and ADDED_IN in field.json_schema_extra


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_schema_refuses_a_state_with_a_field_missing(event_type: str) -> None:
    value = load(FOLDER / "examples" / f"{event_type}.json")["value"]
    aggregate = event_type.split(".")[1]
    later = {name for name, field in STATE_MODELS[aggregate].model_fields.items() if is_later(field)}
    for field in value[aggregate].keys() - later:
        lacking = value | {aggregate: {name: part for name, part in value[aggregate].items() if name != field}}
        with pytest.raises(ValidationError, match=f"'{field}' is a required property"):
            validate(event_type, lacking)


def test_a_move_names_both_stages() -> None:
    schema = value_schema("crm.deal.stage_changed")
    value = load(FOLDER / "examples" / "crm.deal.stage_changed.json")["value"]
    del value["changed"]["stage_name"]

    with pytest.raises(ValidationError, match="'stage_name' is a required property"):
        Draft202012Validator(schema).validate(value)


def test_a_creation_has_no_changes() -> None:
    value = load(FOLDER / "examples" / "crm.deal.created.json")["value"]
    with pytest.raises(ValidationError, match="is not of type 'null'"):
        validate("crm.deal.created", value | {"changed": {}})


def test_topics_follow_the_contract() -> None:
    assert topic_of("deal") == "crm.deal"
    assert dead_letter_topic("crm.deal", "activities.deal-notes") == "crm.deal.activities.deal-notes.dlq"
    compacted = {name for name, spec in TOPICS.items() if spec.configs["cleanup.policy"] == "compact"}
    assert compacted == {"crm.tenant", "crm.user", "crm.company", "crm.contact", "crm.pipeline", "crm.webhook"}
    assert {name for name, spec in TOPICS.items() if spec.is_compacted} == compacted | {"crm.activity"}
    assert {name for name, spec in TOPICS.items() if "retention.ms" in spec.configs} == {"crm.deal", "crm.activity"}
