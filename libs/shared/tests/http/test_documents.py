"""The OpenAPI document says what every endpoint really does."""

from typing import Any

import pytest
from libs.shared.tests.http.things import ThingsSettings

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
    assert len(operations(document)) == 6
    for path, method, operation in operations(document):
        expected = {"400", "401", "403", "404", "413", "415", "422", "429", "503"}
        if method != "get":
            expected |= {"409", "412"}
        assert expected <= operation["responses"].keys(), (path, method)
        for status in expected:
            content = operation["responses"][status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        assert operation["summary"]
        assert "security" not in operation


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def list_references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [str(value["$ref"])] if "$ref" in value else []
            return own + [r for item in value.values() for r in list_references(item)]
        return [r for item in value for r in list_references(item)] if isinstance(value, list) else []

    schemas = document["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in list_references(document)} <= schemas.keys()
    assert {"Problem", "ProblemField"} <= schemas.keys()
    assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()


def test_parameters_and_headers_are_described(document: dict[str, Any]) -> None:
    named = {
        (path, method): {parameter["name"] for parameter in operation["parameters"]}
        for path, method, operation in operations(document)
    }
    assert named["/v1/things", "post"] == {"Idempotency-Key", "If-Match"}
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
