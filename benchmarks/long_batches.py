"""Batches of as many values as the contract takes: how long the event loop is held for one, at any point of it."""

from typing import Any, Final

import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.held_loops import AIM_S, find_longest_s, read_held
from benchmarks.size import sized

ITEMS: Final = sized(1_000, tiny=5)
FIELDS: Final = sized(197, tiny=10)
"""Each a list of the request: a body has 200,000 brackets at most."""
BATCHES: Final = sized(10, tiny=1)
VALUES: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "lists": (["red"], {"field_type": "MULTI_SELECT", "options": ["red", "green"]}),
    "texts": ("some text", {"field_type": "TEXT"}),
}


async def run(arena: Arena) -> list[Row]:
    """Create ITEMS deals with FIELDS custom values each, over and over."""
    rows = []
    for name, (value, field) in VALUES.items():
        with process(arena, "benchmarks.watched", "crm_deals.cli", "api") as port:
            base_url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base_url, headers=arena.headers, timeout=300) as client:
                custom = {f"{name}_{number}": value for number in range(FIELDS)}
                for key in custom:
                    asked = {"entity_type": "DEAL", "key": key, "label": key, **field}
                    (await client.post("/v1/custom-fields", json=asked)).raise_for_status()
                held = read_held((await client.get("/metrics")).text)
                for _ in range(BATCHES):
                    await _create(client, custom)
                longest_s = find_longest_s(read_held((await client.get("/metrics")).text), held)
                for one in (await client.get("/v1/custom-fields?limit=200")).json()["items"]:
                    (await client.delete(f"/v1/custom-fields/{one['id']}")).raise_for_status()
        rows.append(
            Row(
                f"batches of {ITEMS} deals with {FIELDS} custom {name}",
                f"the loop held {longest_s * 1000:.1f} ms at most",
                f"{AIM_S * 1000:.0f} ms",
                AIM_S / longest_s,
                1.0,
            )
        )
    return rows


async def _create(client: httpx.AsyncClient, custom: dict[str, Any]) -> None:
    items = [{"name": f"Deal {number}", "custom_data": custom} for number in range(ITEMS)]
    answer = await client.post("/v1/deals/batch", json={"mode": "create", "items": items})
    assert {item["status"] for item in answer.json()["items"]} == {201}, answer.text[:1000]
