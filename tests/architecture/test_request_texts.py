"""No field of a request is read in a way of its own: texts in NFC, lines without controls, numbers as JSON has them."""

import importlib
import json
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, StrictBool, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from crm_shared.http.ids import CanonicalIds
from crm_shared.http.models import LongText, RequestBody, ShortText
from crm_shared.http.route import CrmRoute
from crm_shared.http.uploads import UploadRoute
from crm_shared.service_registry import SERVICES

MANY_LINES = {"body", "description", "lost_reason"}
"""Fields of whole texts. All others hold one line."""

READ_LATER = {"id_property", "match_by", "delimiter", "items"}
"""Held against the texts that there are, or each against a model of its own, behind the one of the body."""

WORDS = (
    "Word",
    "word",
    "DE",
    "EUR",
    "30 901820",
    "a@acme.example",
    "acme.com",
    "https://acme.com",
    "Europe/Berlin",
    "[]",
)
CONTROL = "\u0007"


def load_all() -> None:
    for service in (*SERVICES, "shared"):
        package = importlib.import_module(f"crm_{service}")
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.rpartition(".")[2] in {"schemas", "batches", "routes"}:
                importlib.import_module(module.name)


def list_kinds(kind: type[Any]) -> Iterator[type[Any]]:
    each: type[Any]
    for each in kind.__subclasses__():
        yield each
        yield from list_kinds(each)


def accepts(field: FieldInfo, value: object) -> bool:
    try:
        TypeAdapter(field.rebuild_annotation()).validate_python(value)
    except ValidationError:
        return False
    return True


def is_open_to_controls(field: FieldInfo) -> bool:
    words = [word for word in (*WORDS, *(field.examples or ())) if isinstance(word, str)]
    pairs = [(word, f"{word[:1]}{CONTROL}{word[1:]}") for word in words]
    return any(
        (accepts(field, word) and accepts(field, bad)) or (accepts(field, [word]) and accepts(field, [bad]))
        for word, bad in pairs
    )


def list_open_fields(models: Iterator[Any]) -> set[str]:
    return {
        f"{model.__module__}.{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if name not in MANY_LINES | READ_LATER and is_open_to_controls(field)
    }


def test_no_single_line_of_a_request_holds_a_control_character() -> None:
    load_all()
    models = [model for model in list_kinds(RequestBody) if model.__module__.startswith("crm_")]

    assert len(models) > 30
    assert list_open_fields(iter(models)) == set()


def test_a_field_without_the_rule_would_be_found() -> None:
    class Bad(RequestBody):
        plain: str
        plains: list[str]
        name: ShortText
        body: LongText

    assert {name.rpartition(".")[2] for name in list_open_fields(iter([Bad]))} == {"plain", "plains"}


def list_models_without_the_rule_of_ids() -> set[str]:
    """List what forbids unknown fields, as requests alone do, and reads ids in pydantic's own way."""
    requests = [model for model in list_kinds(BaseModel) if model.model_config.get("extra") == "forbid"]
    named = [model for model in requests if "uuid" in json.dumps(model.model_json_schema())]
    return {f"{model.__module__}.{model.__name__}" for model in named if not issubclass(model, CanonicalIds)}


def test_every_request_reads_ids_in_their_one_form() -> None:
    load_all()
    assert {name for name in list_models_without_the_rule_of_ids() if name.startswith("crm_")} == set()


def test_a_request_that_reads_ids_in_its_own_way_would_be_found() -> None:
    class Bad(BaseModel):
        model_config = ConfigDict(extra="forbid")
        owner_ids: list[UUID]

    assert f"{__name__}.Bad" in list_models_without_the_rule_of_ids()
    assert Bad.model_fields  # kept until here


def test_bodies_are_read_in_two_ways_only() -> None:
    load_all()
    readers = {
        vars(kind)["read_body"].__func__ for kind in (CrmRoute, *list_kinds(CrmRoute)) if "read_body" in vars(kind)
    }

    assert readers == {vars(route)["read_body"].__func__ for route in (CrmRoute, UploadRoute)}


@pytest.mark.parametrize("text", [ShortText, LongText])
def test_what_is_no_request_is_brought_to_nfc_by_its_model(text: Any) -> None:
    assert TypeAdapter(text).validate_python("Cafe\u0301") == "Caf\u00e9"


ODD_NUMBERS = ("1_0", "٣", "\uff13", "+3", " 3", "3e0")
ODD_BOOLEANS = ("yes", "off", "1", 1)
TEXTS = {"size"}
"""A company's is such as `51-200`, and may be sent as a number."""

IN_FORMS = {"dry_run"}
"""Of an upload, whose parts are text, as an address is."""


def list_loose_fields(models: Iterable[Any], odd: Sequence[object], right: object) -> set[str]:
    """List what takes the right one and an odd one too. Parameters of addresses are text: `true` there is a word."""
    return {
        f"{model.__module__}.{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if name not in READ_LATER | TEXTS and accepts(field, right) and any(accepts(field, each) for each in odd)
    }


def test_a_number_is_read_as_it_is_written_and_no_other_way() -> None:
    load_all()
    requests = [model for model in list_kinds(BaseModel) if model.model_config.get("extra") == "forbid"]
    ours = [model for model in requests if model.__module__.startswith("crm_")]
    assert list_loose_fields(ours, ODD_NUMBERS, 3) == set()


def test_only_json_s_own_booleans_are_booleans_in_a_body() -> None:
    load_all()
    bodies = [model for model in list_kinds(RequestBody) if model.__module__.startswith("crm_")]
    assert list_loose_fields(bodies, [True], 3) == set()
    loose = list_loose_fields(bodies, ODD_BOOLEANS, right=True)
    assert {name.rpartition(".")[2] for name in loose} == IN_FORMS


def test_what_is_read_loosely_would_be_found() -> None:
    class Bad(RequestBody):
        count: int
        amount: Decimal
        active: bool
        good: StrictBool

    assert {name.rpartition(".")[2] for name in list_loose_fields([Bad], ODD_NUMBERS, 3)} == {"count", "amount"}
    assert {name.rpartition(".")[2] for name in list_loose_fields([Bad], ODD_BOOLEANS, right=True)} == {
        "active",
        "count",
    }
