"""Every event of the contract becomes a row, and every row a document that the index takes."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import to_json

from crm_search.index import MAPPING
from crm_search.projections import DOCUMENT_TYPES, MODELS, SearchRecord, to_document, to_record
from crm_shared.contracts import EVENT_TYPES, Event, decode
from crm_shared.contracts.examples import build_example

KEPT = [name for name in EVENT_TYPES if name.split(".")[1] in MODELS]


def read_example(event_type: str) -> Event:
    example = build_example(event_type)
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    return decode(example["key"].encode(), to_json(example["value"]), headers)


def make_document(record: SearchRecord, **summaries: Any) -> dict[str, Any]:
    return to_document(record.type, record.id, record.tenant_id, record.state, summaries)


@pytest.mark.parametrize("event_type", KEPT)
def test_every_example_becomes_a_document_of_the_mapping(event_type: str) -> None:
    record = to_record(read_example(event_type))
    assert record.is_hidden == event_type.endswith((".deleted", ".merged", ".erased"))
    if record.type not in DOCUMENT_TYPES:
        return
    document = make_document(record)
    assert set(document) <= set(MAPPING["properties"])
    assert document["shown"]["record"]["version"] == record.version


def test_a_move_shows_the_stage_as_it_is_called_now() -> None:
    pipeline = to_record(read_example("crm.pipeline.created"))
    deal = to_record(read_example("crm.deal.stage_changed"))
    shown = make_document(deal, pipeline=pipeline.summary)["shown"]["record"]
    assert (shown["stage_name"], shown["pipeline_name"]) == ("Closed Won", "Sales")


def test_an_activity_is_seen_through_its_user_its_contact_and_its_deal() -> None:
    owners = {name: str(uuid4()) for name in ("contact", "deal")}
    summaries = {name: {"name": name, "owner_id": owner, "is_hidden": False} for name, owner in owners.items()}
    activity = to_record(read_example("crm.activity.logged"))
    document = make_document(activity, **summaries)
    assert set(document["visible_owner_ids"]) == {*owners.values(), activity.state["user_id"]}
    summaries["deal"]["is_hidden"] = True
    document = make_document(activity, **summaries)
    assert set(document["visible_owner_ids"]) == {owners["contact"], activity.state["user_id"]}
    assert "deal" not in document


def test_nothing_of_an_erased_person_is_left_in_the_document() -> None:
    document = make_document(to_record(read_example("crm.contact.erased")))
    assert document["shown"]["passages"] == []
    assert {document[name] for name in ("title", "title_starts", "details", "body")} == {""}
    assert document["exact"] == document["phone"] == document["phone_whole"] == []


def test_a_row_of_before_a_field_was_there_is_shown_with_what_the_field_is_by_default() -> None:
    contact = to_record(read_example("crm.contact.created"))
    kept_before = {name: value for name, value in contact.state.items() if name != "source"}
    assert make_document(replace(contact, state=kept_before))["shown"]["record"]["source"] is None
