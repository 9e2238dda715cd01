"""The OpenAPI document says what every endpoint really does."""

import asyncio
import threading
from copy import deepcopy
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.openapi.utils import get_openapi
from libs.shared.tests.http.things import ThingsSettings, make_app

from crm_shared.http import openapi
from crm_shared.http.problems import Problem
from crm_testing.answers import require_ok
from crm_testing.declared_problems import DeclaredProblems
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Things = ServiceKit[ThingsSettings]


@pytest.fixture
async def document(things: Things) -> dict[str, Any]:
    return require_ok(await things.client_with(None).get("/openapi.json"))


OWN = {
    ("/v1/things/rename", "post"): {"404.not-found"},
    ("/v1/things/{thing_id}/guarded", "get"): {"403.forbidden"},
}
"""What routes of things.py declare beside what the edge refuses on any."""


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]


async def test_the_document_is_made_once_and_beside_the_event_loop(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: list[int] = []

    def make(**about: Any) -> dict[str, Any]:
        made_in.append(threading.get_ident())
        return get_openapi(**about)

    monkeypatch.setattr(openapi, "get_openapi", make)
    app = make_app(things.settings)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://things.test") as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert require_ok(answers[0])["info"]["title"] == "CRM things"
    assert len(made_in) == 1
    assert threading.get_ident() not in made_in


def test_every_operation_names_its_problems_and_asks_for_a_token(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert operations(document)
    for path, method, operation in operations(document):
        expected = {"400.malformed-request", "401.unauthenticated", "422.invalid-field", "429.rate-limited"}
        expected |= {"500.internal-error", "503.unavailable"}
        if method != "get":
            expected |= {"403.forbidden", "413.body-too-large", "415.unsupported-media-type"}
        if method == "post":
            expected -= {"422.invalid-field"}
            expected |= {"409.idempotency-key-in-use", "422.idempotency-key-reused.invalid-field"}
        if "{" in path:
            expected |= {"404.not-found"}
        expected |= OWN.get((path, method), set())
        named = {
            status: response["$ref"].removeprefix("#/components/responses/Problem")
            for status, response in operation["responses"].items()
            if status >= "4"
        }
        assert set(named.values()) == expected, (path, method)
        assert all(name.startswith(f"{status}.") for status, name in named.items())
        assert operation["summary"]
        assert "security" not in operation


def test_a_problem_is_described_once_and_shown_by_an_example(document: dict[str, Any]) -> None:
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        general, own = content["schema"]["allOf"]
        assert general == {"$ref": "#/components/schemas/Problem"}
        examples = [Problem.model_validate(example["value"]) for example in content["examples"].values()]
        assert [example.type for example in examples] == own["properties"]["type"]["enum"]
        slugs = [example.type.removeprefix("/problems/") for example in examples]
        assert {".".join([f"Problem{example.status}", *slugs]) for example in examples} == {name}
    assert "Retry-After" in document["components"]["responses"]["Problem429.rate-limited"]["headers"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def list_references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [str(value["$ref"])] if "$ref" in value else []
            return own + [r for item in value.values() for r in list_references(item)]
        return [r for item in value for r in list_references(item)] if isinstance(value, list) else []

    schemas = document["components"]["schemas"]
    there = {f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts}
    assert set(list_references(document)) <= there
    assert {"Problem", "ProblemField"} <= schemas.keys()
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()


def test_parameters_and_headers_are_described(document: dict[str, Any]) -> None:
    named = {
        (path, method): {parameter["name"] for parameter in operation["parameters"]}
        for path, method, operation in operations(document)
    }
    assert named["/v1/things", "post"] == {"Idempotency-Key"}
    assert named["/v1/things", "get"] == {"limit", "cursor", "sort", "updated_since", "tag", "name"}
    assert named["/v1/things/{thing_id}", "delete"] == {"thing_id"}
    assert named["/v1/things/{thing_id}", "get"] == {"thing_id"}


async def test_the_human_pages_need_nobody_elses_server(things: Things) -> None:
    client = things.client_with(None)
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace(str(client.base_url), "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert name in page.text
        assert (await client.get(f"/static-offline-docs/{name}")).status_code == 200


async def test_a_refusal_that_is_not_declared_fails_the_test_that_sees_it(
    things: Things, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await things.client(tenant.rep).get(f"/v1/things/{uuid4()}")
    await DeclaredProblems(things.app).check(answer)

    document = deepcopy(things.app.openapi())
    del document["paths"]["/v1/things/{thing_id}"]["get"]["responses"]["404"]
    monkeypatch.setattr(things.app, "openapi", lambda: document)
    with pytest.raises(AssertionError, match="/problems/not-found is not declared"):
        await DeclaredProblems(things.app).check(answer)
