"""Each change that would break a reader is refused, and those that break none are let through."""

import copy
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from crm_shared.contracts.compatibility import find_breaks, find_lost_types
from crm_shared.contracts.published_fields import added_in
from crm_shared.contracts.schema import Schema, schema_of, value_schema
from crm_shared.contracts.states import DealState

EVENT_TYPE = "crm.deal.stage_changed"


def change(edit: Callable[[dict[str, Any]], object], model: str = "DealState") -> list[str]:
    """Release the schema as it is, edit one of its models, and compare."""
    released = value_schema(EVENT_TYPE)
    present: Schema = copy.deepcopy(released)
    edit(present["$defs"][model])
    Draft202012Validator.check_schema(present)
    return find_breaks(released, present)


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


@pytest.mark.parametrize(
    "edit",
    [
        lambda state: state.update(),
        lambda state: state.update(description="A possible sale."),
        lambda state: state["properties"]["name"].update(title="Name", description="what people call it"),
        lambda state: state["properties"]["amount"].update(default="0"),
        lambda state: state["properties"]["contact_id"]["anyOf"].reverse(),
        lambda state: state["required"].reverse(),
        lambda state: state["properties"]["status"]["enum"].reverse(),
        lambda state: state["properties"].update(mood={"type": "string"}),
        lambda state: state["properties"].update(name=copy.deepcopy(state["properties"]["name"])),
        lambda state: state.update(additionalProperties=True),
    ],
)
def test_what_breaks_nobody_is_allowed(edit: Callable[[dict[str, Any]], object]) -> None:
    assert change(edit) == []


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            lambda state: (state["properties"].update(mood={"type": "string"}), state["required"].append("mood")),
            "/deal/mood: required now, but older events lack it",
        ),
        (
            lambda state: (state["properties"].pop("name"), state["required"].remove("name")),
            "/deal/name: field removed or renamed",
        ),
        (
            lambda state: state["properties"].update(title=state["properties"].pop("name")),
            "/deal/name: field removed or renamed",
        ),
        (lambda state: state["required"].remove("name"), "/deal/name: no longer required"),
        (lambda state: state["properties"].update(name={"type": "integer"}), "/deal/name: type was 'string'"),
        (lambda state: state["properties"].update(version={"type": "number"}), "/deal/version: type was 'integer'"),
        (lambda state: state["properties"]["name"].update(type=["string", "null"]), "/deal/name: type was 'string'"),
        (
            lambda state: state["properties"].update(name=nullable({"type": "string"})),
            "/deal/name: type narrowed or widened",
        ),
        (
            lambda state: state["properties"].update(amount={"type": "string"}),
            "/deal/amount: type narrowed or widened",
        ),
        (
            lambda state: state["properties"].update(close_date=nullable({"type": "string", "format": "date-time"})),
            "/deal/close_date: format was 'date'",
        ),
        (lambda state: state["properties"]["version"].update(minimum=2), "/deal/version: minimum was 1"),
        (lambda state: state["properties"]["version"].pop("minimum"), "/deal/version: minimum was 1"),
        (lambda state: state["properties"]["name"].update(maxLength=80), "/deal/name: maxLength was None"),
        (lambda state: state["properties"]["currency"].update(pattern="^EUR$"), "/deal/currency: pattern was"),
        (lambda state: state["properties"]["status"]["enum"].remove("LOST"), '/deal/status: enum value "LOST" removed'),
        (lambda state: state["properties"]["status"]["enum"].append("HELD"), '/deal/status: enum value "HELD" added'),
        (lambda state: state["properties"]["status"].pop("enum"), '/deal/status: enum value "LOST" removed'),
        (lambda state: state.update(additionalProperties=False), "/deal: additionalProperties opened or closed"),
        (
            lambda state: state["properties"]["custom_data"].update(additionalProperties={"type": "string"}),
            "/deal/custom_data/additionalProperties: type was None",
        ),
    ],
)
def test_what_breaks_a_reader_is_refused(edit: Callable[[dict[str, Any]], object], reason: str) -> None:
    assert any(line.startswith(reason) for line in change(edit)), change(edit)


def test_the_envelope_is_compared_too() -> None:
    assert change(lambda actor: actor["properties"].pop("user_id"), "Actor") == [
        "/actor/user_id: field removed or renamed"
    ]


def test_items_of_lists_are_compared() -> None:
    released = value_schema("crm.pipeline.updated")
    present = copy.deepcopy(released)
    present["$defs"]["Stage"]["properties"]["kind"]["enum"].remove("LOST")

    assert find_breaks(released, present) == ['/pipeline/stages/items/kind: enum value "LOST" removed']


def test_a_type_within_itself_is_compared_once() -> None:
    tree: Schema = {
        "$defs": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "n": {"type": "integer"}}}
        },
        "properties": {"root": {"$ref": "#/$defs/Node"}},
    }
    present = copy.deepcopy(tree)
    present["$defs"]["Node"]["properties"]["n"] = {"type": "string"}

    assert find_breaks(tree, tree) == []
    assert find_breaks(tree, present) == ["/root/n: type was 'integer', is 'string'"]


def test_a_type_that_is_gone_is_missed() -> None:
    assert find_lost_types({"crm.deal.won": {}, "crm.deal.lost": {}}, {"crm.deal.lost": {}}) == ["crm.deal.won"]


def test_a_later_field_is_added_by_its_mark_and_refused_without() -> None:
    class Marked(DealState):
        mood: Annotated[Literal["GOOD", "BAD"] | None, added_in("0.2.0")] = None

    class Unmarked(DealState):
        mood: str | None = None

    before = schema_of(DealState)

    assert find_breaks(before, schema_of(Marked)) == []
    assert find_breaks(before, schema_of(Unmarked)) == [
        "/mood: required now, but older events lack it (mark it added_in)"
    ]


def test_schemas_describe_what_is_sent_not_what_is_taken() -> None:
    class Reading(BaseModel):
        state: DealState

    assert set(schema_of(Reading)["$defs"]["DealState"]["required"]) == DealState.model_fields.keys()
