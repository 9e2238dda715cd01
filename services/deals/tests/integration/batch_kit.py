"""Batches of deals, as tests send them."""

from typing import Any

import httpx
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok


async def write(client: httpx.AsyncClient, mode: str, *items: Any, **fields: Any) -> list[dict[str, Any]]:
    body = {"mode": mode, "items": items, **fields}
    answer = require_ok(await client.post("/v1/deals/batch", json=body), 207)
    assert [item["index"] for item in answer["items"]] == list(range(len(items)))
    return list(answer["items"])


async def read(sales: Sales, item: dict[str, Any]) -> dict[str, Any]:
    return require_ok(await sales.admin.get(f"/v1/deals/{item['id']}"))
