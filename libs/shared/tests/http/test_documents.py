"""The OpenAPI document says what every endpoint really does."""

from typing import Any

import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared.http.problems import Problem
from crm_shared.testing.answers import require_ok
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Things = ServiceKit[ThingsSettings]


@pytest.fixture
async def document(things: Things) -> dict[str, Any]:
    return require_ok(await things.client_with(None).get("/openapi.json"))


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def test_every_operation_names_its_problems_and_asks_for_a_token(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert operations(document)
    for path, method, operation in operations(document):
        expected = {"401", "403", "422", "429", "503"}
        if method != "get":
            expected |= {"400", "404", "409", "412", "413", "415"}
        if "{" in path:
            expected |= {"404"}
        assert {status for status in operation["responses"] if status >= "4"} == expected, (path, method)
        for status in expected:
            assert operation["responses"][status] == {"$ref": f"#/components/responses/Problem{status}"}
        assert operation["summary"]
        assert "security" not in operation


def test_a_problem_is_described_once_and_shown_by_an_example(document: dict[str, Any]) -> None:
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        example = Problem.model_validate(content["example"])
        assert name == f"Problem{example.status}"
        assert example.type.startswith("/problems/")
    assert "Retry-After" in document["components"]["responses"]["Problem429"]["headers"]


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
    assert named["/v1/things/{thing_id}", "delete"] == {"thing_id", "If-Match"}
    assert named["/v1/things/{thing_id}", "get"] == {"thing_id"}


async def test_the_human_pages_need_nobody_elses_server(things: Things) -> None:
    client = things.client_with(None)
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace(str(client.base_url), "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert name in page.text
        assert (await client.get(f"/static-offline-docs/{name}")).status_code == 200
