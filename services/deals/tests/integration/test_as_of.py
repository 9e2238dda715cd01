"""The list of deals as it stood: held against what the list answered at that moment."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from services.deals.tests.integration.sales import Sales
from services.deals.tests.integration.test_board import do_something

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines

Listing = dict[str, dict[str, Any]]


async def read_list(client: httpx.AsyncClient, **parameters: Any) -> Listing:
    return {deal["id"]: deal for deal in await walk_pages(client, "/v1/deals", limit=3, **parameters)}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_past_moment_reads_as_it_read_then(sales: Sales, seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 - repeats what failed
    deals: list[dict[str, Any]] = []
    seen: list[tuple[str, Listing, Listing]] = []
    for step in range(40):
        await do_something(sales, deals, choice)
        if step % 8 == 7:
            listed = await read_list(sales.admin)
            won = await read_list(sales.admin, status="WON", sort="-updated_at")
            seen.append((datetime.now(UTC).isoformat(), listed, won))
    for moment, listed, won in seen:
        assert await read_list(sales.admin, as_of=moment) == listed
        assert await read_list(sales.admin, as_of=moment, status="WON", sort="-updated_at") == won


async def test_an_imported_past_is_a_past_too(sales: Sales) -> None:
    body = {"mode": "create", "items": [{"name": "Old", "created_at": "2024-03-01T10:00:00Z"}]}
    [item] = require_ok(await sales.admin.post("/v1/deals/batch", json=body), 207)["items"]
    move = {"stage_id": sales.stages["Closed Won"], "changed_at": "2024-04-01T10:00:00Z"}
    require_ok(await sales.admin.post(f"/v1/deals/{item['id']}/move", json=move))
    assert await read_list(sales.admin, as_of="2024-02-29T00:00:00Z") == {}
    [before] = (await read_list(sales.admin, as_of="2024-03-15T00:00:00Z")).values()
    assert (before["status"], before["stage_id"], before["version"]) == ("OPEN", sales.stages["Qualification"], 1)
    [after] = (await read_list(sales.admin, as_of="2024-04-02T00:00:00Z")).values()
    assert (after["status"], after["closed_at"], after["version"]) == ("WON", "2024-04-01T10:00:00Z", 3)


async def test_the_past_opens_nothing_that_is_closed_now(sales: Sales) -> None:
    deal = await sales.create()
    then = datetime.now(UTC).isoformat()
    handed = {"owner_id": str(sales.tenant.other_rep.id)}
    require_ok(await sales.admin.patch(f"/v1/deals/{deal['id']}", json=handed))
    assert await read_list(sales.rep, as_of=then) == {}
    [shown] = (await read_list(sales.other_rep, as_of=then)).values()
    assert shown["owner_id"] == str(sales.tenant.rep.id)  # as it was


async def test_the_future_is_not_known(steady: Sales) -> None:
    moment = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = await steady.rep.get("/v1/deals", params={"as_of": moment})
    require_problem(answer, 422, "invalid-field", "?as_of")
