"""The published contract is the one in the code: schemas, examples and AsyncAPI documents, against the last release."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from crm_shared.contracts import EVENT_TYPES
from crm_shared.contracts.generate import CONTRACTS, build_files, find_release_breaks, find_stale, load_schemas, main
from crm_shared.contracts.topics import TOPICS
from crm_shared.service_registry import SERVICES

ASYNCAPI = Path(__file__).parents[2] / "docs" / "asyncapi"
SERVICE_DOCUMENTS = pytest.mark.parametrize("service", SERVICES)


def load_document(service: str) -> Any:
    return json.loads((ASYNCAPI / f"{service}.json").read_text("utf-8"))


def follow(document: Any, reference: str) -> Any:
    """Return what a local `$ref` points at. Raises KeyError when nothing is there."""
    target = document
    for step in reference.removeprefix("#/").split("/"):
        target = target[step]
    return target


def list_references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [reference for item in node for reference in list_references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [reference for item in node.values() for reference in list_references(item)]


def test_what_is_published_is_what_the_models_say() -> None:
    assert find_stale(build_files(CONTRACTS, ASYNCAPI)) == [], "run: python -m crm_shared.contracts.generate"


def test_the_command_that_ci_runs_agrees(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ASYNCAPI.parents[1])

    assert main(["--check"]) == 0, capsys.readouterr().out

    monkeypatch.chdir(ASYNCAPI)  # from here no document is found, so the command must say so
    assert main(["--check"]) == 1
    assert "search.json: stale" in capsys.readouterr().out


def test_a_stale_file_would_be_noticed(tmp_path: Path) -> None:
    files = build_files(tmp_path, tmp_path / "asyncapi")
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert find_stale(files) == []

    edited, missing, left_over = (tmp_path / "schemas" / f"crm.deal.{verb}.json" for verb in ("won", "lost", "moved"))
    edited.write_text("{}", "utf-8")
    missing.unlink()
    left_over.write_text("{}", "utf-8")

    assert find_stale(files) == sorted([edited, missing, left_over])


def test_no_reader_of_the_last_release_breaks() -> None:
    assert find_release_breaks() == []


def test_a_break_would_be_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    for event_type, schema in load_schemas(CONTRACTS / "schemas").items():
        if event_type == "crm.deal.won":
            schema["$defs"]["DealState"]["properties"]["probability"] = {"type": "integer"}
        (folder / f"{event_type}.json").write_text(json.dumps(schema), "utf-8")
    (folder / "crm.deal.praised.json").write_text("{}", "utf-8")

    assert find_release_breaks(tmp_path) == [
        "crm.deal.praised: no longer published",
        "crm.deal.won/deal/probability: field removed or renamed",
    ]


def test_a_release_is_there_to_compare_with() -> None:
    assert load_schemas(CONTRACTS / "released" / "schemas").keys() <= set(EVENT_TYPES)
    assert load_schemas(CONTRACTS / "released" / "schemas")


@SERVICE_DOCUMENTS
def test_a_document_has_the_structure_of_asyncapi_3(service: str) -> None:
    document = load_document(service)

    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = follow(document, operation["channel"]["$ref"])
        offered = {f"{operation['channel']['$ref']}/messages/{name}" for name in channel["messages"]}
        assert {message["$ref"] for message in operation["messages"]} == offered
    for name, channel in document["channels"].items():
        assert channel["address"] == channel["bindings"]["kafka"]["topic"] == name
    for reference in list_references(document):
        follow(document, reference)


@SERVICE_DOCUMENTS
def test_a_document_says_who_sends_and_who_receives(service: str) -> None:
    operations = load_document(service)["operations"]

    sent = {name.removeprefix("send.") for name in operations if name.startswith("send.")}
    received = {name.removeprefix("receive.") for name in operations if name.startswith("receive.")}
    assert sent == {name for name, spec in TOPICS.items() if spec.service == service}
    assert received == {name for name, spec in TOPICS.items() if service in spec.readers}


@SERVICE_DOCUMENTS
def test_a_messages_example_is_valid_by_its_own_document(service: str) -> None:
    document = load_document(service)
    for message in document["components"]["messages"].values():
        (example,) = message["examples"]
        root = {"components": document["components"]}
        Draft7Validator(root | {"allOf": [message["payload"]]}).validate(example["payload"])
        headers = Draft7Validator(root | {"allOf": [message["headers"]]})
        headers.validate(example["headers"])
        with pytest.raises(ValidationError):
            headers.validate(example["headers"] | {"ce_type": "crm.deal.praised"})


def test_every_event_type_is_sent_by_exactly_one_service() -> None:
    sent = [
        message["$ref"].rpartition("/")[2]
        for service in SERVICES
        for name, operation in load_document(service)["operations"].items()
        if name.startswith("send.")
        for message in operation["messages"]
    ]
    assert sorted(sent) == sorted(EVENT_TYPES)
