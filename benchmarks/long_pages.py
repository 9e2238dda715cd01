"""Pages and files of the longest activities that the contract takes: how long the event loop is held for one answer."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.held_loops import AIM_S, find_longest_s, read_held
from benchmarks.size import sized

RECORDS: Final = sized(200, tiny=5)
A_BATCH: Final = 20
READS: Final = sized(20, tiny=1)
LONGEST: Final = 49_990
KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "long texts": {"type": "NOTE", "body": ('A "quick" fox\njumps over the lazy dog. ' * 2_000)[:LONGEST].strip()},
    "control characters": {"type": "NOTE", "body": "x" + "\x01" * (LONGEST - 2) + "x"},
    "100 attachments": {
        "type": "NOTE",
        "attachments": [{"name": "n" * 100, "url": f"https://a.example/{'x' * 100}"}] * 100,
    },
    "1,000 references": {
        "type": "EMAIL",
        "direction": "INBOUND",
        "reference_ids": [f"<{number}{'r' * 60}@mail.example>" for number in range(1_000)],
    },
}
"""By name, what is said of each record; the page of the newest is the kind's own, as each is logged after the last."""


async def run(arena: Arena) -> list[Row]:
    """Log RECORDS of each kind by batches, then read their page and the file over and over."""
    rows = []
    with process(arena, "benchmarks.watched", "crm_activities.cli", "api") as port:
        base_url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base_url, headers=arena.headers, timeout=300) as client:
            for name, record in KINDS.items():
                held = read_held((await client.get("/metrics")).text)
                for _ in range(0, RECORDS, A_BATCH):
                    await _log(client, [record] * min(A_BATCH, RECORDS))
                for path in (f"/v1/activities?limit={RECORDS}", f"/v1/exports/activities.csv?type={record['type']}"):
                    for _ in range(READS):
                        (await client.get(path)).raise_for_status()
                longest_s = find_longest_s(read_held((await client.get("/metrics")).text), held)
                rows.append(
                    Row(
                        f"page, file and batches of {RECORDS} activities: {name}",
                        f"the loop held {longest_s * 1000:.1f} ms at most",
                        f"{AIM_S * 1000:.0f} ms",
                        AIM_S / longest_s,
                        1.0,
                    )
                )
    return rows


async def _log(client: httpx.AsyncClient, items: list[Mapping[str, Any]]) -> None:
    answer = await client.post("/v1/activities/batch", json={"mode": "create", "items": items})
    assert {item["status"] for item in answer.json()["items"]} == {201}, answer.text
