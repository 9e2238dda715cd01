"""The published document lists what this service answers."""

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines


async def test_the_document_lists_the_endpoints(steady: Sales) -> None:
    document = require_ok(await steady.kit.client_with(None).get("/openapi.json"))
    found = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert found >= {
        ("GET", "/v1/pipelines"),
        ("GET", "/v1/pipelines/{pipeline_id}"),
        ("GET", "/v1/pipelines/{pipeline_id}/board"),
        ("GET", "/v1/deals"),
        ("POST", "/v1/deals"),
        ("GET", "/v1/deals/{deal_id}"),
        ("PATCH", "/v1/deals/{deal_id}"),
        ("POST", "/v1/deals/{deal_id}/move"),
        ("GET", "/v1/deals/{deal_id}/history"),
        ("GET", "/v1/deals/{record_id}/changes"),
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            assert {"401", "422", "429", "503"} <= operation["responses"].keys()
