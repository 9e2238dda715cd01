"""What `test_upgrade.py` looks for would be found: each kind of break, made in a copy of what the code promises now."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from crm_testing.baseline.database_breaks import list_database_breaks
from crm_testing.baseline.event_breaks import list_unreadable_by_new, list_unreadable_by_old
from crm_testing.baseline.folder import Shape
from crm_testing.baseline.http_breaks import list_http_breaks
from crm_testing.baseline.migration_statements import Ran, list_lock_breaks
from crm_testing.baseline.name_breaks import list_bus_breaks, list_settings_breaks
from crm_testing.baseline.this_tree import describe_events

Change = Callable[[Any], object]
Compare = Callable[[Shape, Shape], Iterator[str]]

MOVE: Final = {
    "type": "object",
    "required": ["stage_id"],
    "properties": {
        "stage_id": {"type": "string", "format": "uuid"},
        "reason": {"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}]},
        "kind": {"enum": ["WON", "LOST"], "type": "string"},
    },
    "additionalProperties": False,
}
DEAL: Final = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "kind": MOVE, "tags": {"type": "array", "items": {"type": "string"}}},
}
API: Final = {
    "paths": {
        "/v1/deals/{deal_id}": {
            "post": {
                "parameters": [
                    {"in": "query", "name": "fast", "schema": {"type": "integer", "maximum": 9, "default": 5}},
                    {"in": "path", "name": "deal_id", "required": True, "schema": {"type": "string"}},
                ],
                "security": [],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Move"}}}},
                "responses": {
                    "200": {
                        "headers": {"ETag": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Deal"}}},
                    },
                    "409": {"description": "no"},
                },
            }
        }
    },
    "components": {"schemas": {"Move": MOVE, "Deal": DEAL}},
}


def list_found(compare: Compare, released: Shape, change: Change) -> list[str]:
    present: Any = copy.deepcopy(released)
    change(present)
    return list(compare(released, present))


def post(api: Any) -> Any:
    return api["paths"]["/v1/deals/{deal_id}"]["post"]


def move(api: Any) -> Any:
    return api["components"]["schemas"]["Move"]


def deal(api: Any) -> Any:
    return api["components"]["schemas"]["Deal"]


AT: Final = "POST /v1/deals/{deal_id}"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda api: api["paths"].pop("/v1/deals/{deal_id}"), f"{AT}: taken away"),
        (lambda api: post(api)["parameters"].pop(0), f"{AT} query fast: parameter taken away"),
        (lambda api: post(api)["parameters"][0]["schema"].pop("default"), f"{AT} query fast: default was 5, is null"),
        (lambda api: post(api)["parameters"][1]["schema"].update(format="uuid"), f"{AT} path deal_id: format was None"),
        (lambda api: post(api).pop("security"), f"{AT}: asks for a token now"),
        (lambda api: post(api)["parameters"][0].update(required=True), f"{AT} query fast: parameter required now"),
        (lambda api: post(api)["parameters"][0]["schema"].update(maximum=8), f"{AT} query fast: maximum was 9, is 8"),
        (lambda api: post(api)["requestBody"].update(required=True), f"{AT} body: required now"),
        (lambda api: post(api)["responses"].pop("409"), f"{AT} 409: status taken away"),
        (lambda api: post(api)["responses"]["200"]["headers"].clear(), f"{AT} 200: header ETag taken away"),
        (lambda api: move(api)["properties"].pop("reason"), f"{AT} body/reason: field taken away"),
        (lambda api: move(api)["required"].append("reason"), f"{AT} body/reason: field required now"),
        (lambda api: move(api)["properties"]["reason"]["anyOf"].pop(), f"{AT} body/reason: null taken no more"),
        (
            lambda api: move(api)["properties"]["stage_id"].update(type="integer"),
            f"{AT} body/stage_id: was string, is integer",
        ),
        (lambda api: move(api)["properties"]["kind"]["enum"].pop(), f'{AT} body/kind: value "LOST" taken away'),
        (lambda api: move(api)["properties"]["kind"].update(default="LOST"), f"{AT} body/kind: default was null"),
        (lambda api: deal(api)["properties"].pop("id"), f"{AT} 200/id: field taken away"),
        (
            lambda api: deal(api)["properties"]["tags"].pop("items"),
            f"{AT} 200/tags/items: anything may be answered now",
        ),
        (lambda api: deal(api)["required"].clear(), f"{AT} 200/id: field may be missing now"),
        (
            lambda api: deal(api)["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            f"{AT} 200/id: null may be answered now",
        ),
    ],
)
def test_what_an_api_takes_away_is_seen(change: Change, found: str) -> None:
    assert any(line.startswith(found) for line in list_found(list_http_breaks, API, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda api: (
            post(api)["parameters"][1].update(name="id"),
            api["paths"].update({"/v1/deals/{id}": api["paths"].pop("/v1/deals/{deal_id}")}),
        ),
        lambda api: api["paths"].update({"/v1/quotes": {"get": {}}}),
        lambda api: deal(api)["properties"].update(more={"type": "string"}),
        lambda api: move(api)["properties"].update(more={"type": "string"}),
        lambda api: move(api)["properties"]["kind"]["enum"].append("OPEN"),
        lambda api: post(api)["responses"].update({"429": {}}),
    ],
)
def test_what_an_api_adds_is_no_break(change: Change) -> None:
    assert list_found(list_http_breaks, API, change) == []


TABLES: Final = {
    "tables": {
        "public.deals": {
            "columns": {
                "id": {"type": "uuid", "not_null": True, "has_default": False, "default": None, "is_computed": False},
                "name": {"type": "text", "not_null": False, "has_default": True, "default": "''", "is_computed": False},
            },
            "rules": {"constraint deals_pkey": {"rule": "PRIMARY KEY (id)", "columns": ["id"]}},
            "rights": ["app select"],
        }
    },
    "functions": ["to_key(text) text"],
}


def deals(shape: Any) -> Any:
    return shape["tables"]["public.deals"]


def new_rule(*columns: str) -> dict[str, Any]:
    return {"constraint fits": {"rule": "CHECK (...)", "columns": list(columns)}}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda shape: shape["tables"].clear(), "public.deals: taken away"),
        (lambda shape: shape["functions"].clear(), "to_key(text) text: taken away"),
        (lambda shape: deals(shape)["columns"].pop("name"), "public.deals.name: taken away"),
        (lambda shape: deals(shape)["columns"]["id"].update(type="text"), "public.deals.id: was uuid, is text"),
        (lambda shape: deals(shape)["columns"]["name"].update(not_null=True), "public.deals.name: takes no NULL now"),
        (lambda shape: deals(shape)["columns"]["name"].update(has_default=False), "public.deals.name: has no default"),
        (
            lambda shape: deals(shape)["columns"]["name"].update(default="'x'"),
            "public.deals.name: default was '', is 'x'",
        ),
        (
            lambda shape: deals(shape)["columns"]["id"].update(is_computed=True),
            "public.deals.id: takes no value now, it is computed",
        ),
        (
            lambda shape: deals(shape)["columns"].update(more=deals(shape)["columns"]["id"]),
            "public.deals.more: new, and old code has no value for it",
        ),
        (lambda shape: deals(shape)["rules"].clear(), "public.deals: constraint deals_pkey taken away"),
        (lambda shape: deals(shape)["rules"].update(new_rule("name")), "public.deals: constraint fits is new"),
        (lambda shape: deals(shape)["rules"].update(new_rule()), "public.deals: constraint fits is new"),
        (lambda shape: deals(shape)["rights"].clear(), "public.deals: app select taken away"),
    ],
)
def test_what_old_code_meets_in_a_database_is_seen(change: Change, found: str) -> None:
    (line,) = list_found(list_database_breaks, TABLES, change)
    assert line.startswith(found)


def test_what_a_database_adds_is_no_break() -> None:
    def widen(shape: Any) -> None:
        deals(shape)["columns"]["more"] = {"type": "text", "not_null": True, "has_default": True}
        deals(shape)["rules"] |= new_rule("more")
        shape["tables"]["public.quotes"] = deals(shape)

    assert list_found(list_database_breaks, TABLES, widen) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE deals DROP COLUMN name", "ban-drop-column"),
        ("ALTER TABLE deals RENAME COLUMN name TO title", "renaming-column"),
        ("ALTER TABLE deals ALTER COLUMN name TYPE varchar(10)", "changing-column-type"),
        ("ALTER TABLE deals ADD COLUMN more text NOT NULL", "adding-required-field"),
        ("ALTER TABLE deals ADD CONSTRAINT fits CHECK (name <> %(no)s) -- all", "constraint-missing-not-valid"),
        ("CREATE INDEX deals_by_name ON deals (name)", "require-concurrent-index-creation"),
    ],
)
def test_a_migration_that_holds_others_up_is_seen(statement: str, rule: str) -> None:
    assert rule in [line.partition(":")[0] for line in list_lock_breaks([Ran("SELECT 1"), Ran(statement)])]


def test_a_check_of_old_rows_under_the_lock_that_made_it_is_seen() -> None:
    added = "ALTER TABLE deals ADD CONSTRAINT fits CHECK (name <> '') NOT VALID"
    checked = "ALTER TABLE deals VALIDATE CONSTRAINT fits"
    assert len(list(list_lock_breaks([Ran(added), Ran(checked)]))) == 1
    assert list(list_lock_breaks([Ran(added, alone=True), Ran(checked, alone=True)])) == []


def test_a_migration_that_only_adds_holds_nobody_up() -> None:
    added = Ran("ALTER TABLE deals ADD COLUMN more text")
    index = Ran("CREATE INDEX CONCURRENTLY deals_by_more ON deals (more)", alone=True)
    table = [
        Ran("CREATE TABLE quotes (id uuid PRIMARY KEY, name text NOT NULL)"),
        Ran("CREATE INDEX quotes_by_name ON quotes (name)"),
    ]
    assert list(list_lock_breaks([added, index, *table])) == []


SETTINGS: Final = {
    "variables": {"CRM_LOG_LEVEL": {"required": False, "choices": ["DEBUG", "INFO"]}},
    "commands": {"api": ["CRM_DEALS_DSN"]},
}
BUS: Final = {"topics": {"crm.deal": "deals"}, "groups": {"search.index": ["crm.contact", "crm.deal"]}}


@pytest.mark.parametrize(
    ("compare", "released", "change", "found"),
    [
        (list_settings_breaks, SETTINGS, lambda one: one["variables"].clear(), "CRM_LOG_LEVEL: read no more"),
        (
            list_settings_breaks,
            SETTINGS,
            lambda one: one["variables"]["CRM_LOG_LEVEL"]["choices"].remove("DEBUG"),
            "CRM_LOG_LEVEL: DEBUG taken no more",
        ),
        (
            list_settings_breaks,
            SETTINGS,
            lambda one: one["variables"].update(CRM_MORE={"required": True, "choices": []}),
            "CRM_MORE: required now",
        ),
        (
            list_settings_breaks,
            SETTINGS,
            lambda one: one["commands"]["api"].append("CRM_DEALS_OWNER_DSN"),
            "api: needs CRM_DEALS_OWNER_DSN now",
        ),
        (list_settings_breaks, SETTINGS, lambda one: one["commands"].clear(), "api: command taken away"),
        (list_bus_breaks, BUS, lambda one: one["topics"].clear(), "topic crm.deal: taken away"),
        (list_bus_breaks, BUS, lambda one: one["groups"].clear(), "group search.index: taken away"),
        (
            list_bus_breaks,
            BUS,
            lambda one: one["groups"]["search.index"].remove("crm.deal"),
            "group search.index: reads crm.deal no more",
        ),
    ],
)
def test_a_name_that_goes_is_seen(compare: Compare, released: Shape, change: Change, found: str) -> None:
    assert list_found(compare, released, change) == [found]


def test_events_that_one_side_can_not_read_are_seen() -> None:
    events = describe_events()
    examples: Any = copy.deepcopy(events["events/examples"])
    del examples["crm.deal.won"]["value"]["deal"]["name"]

    (by_old,) = list_unreadable_by_old(events["events/schemas"], examples)
    (by_new,) = list_unreadable_by_new(examples)

    assert by_old.startswith("crm.deal.won: old readers refuse deal")
    assert by_new.startswith("crm.deal.won: new readers refuse it")
