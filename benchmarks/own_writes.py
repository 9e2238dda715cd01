"""Own writes: who writes and searches with the position of the write finds it within 2 s, or is told it is not there.

Writers make, rename and delete contacts and search after each write, as a form does that goes back to its list; another
tenant brings in batches all the while, at a pace that the index can keep: more is for imports, which wait for readers
(decision 23). Over the whole suite: API, relay, Kafka, worker, index.
"""

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.arena import Row
from benchmarks.load import percentile
from benchmarks.size import sized
from crm_testing.answers import require_ok
from crm_testing.suite.running import RunningCrm, find_port_base
from crm_testing.suite.tenant import User

WRITES, WRITERS = sized((10_000, 32), tiny=(16, 2))
BATCH: Final = sized(50, tiny=10)
EVERY_S: Final = 0.25
GIVE_UP_S: Final = 60.0
WAITED_FOR_S: Final = 2.0
"""How long the contract has a search wait for the index."""


@dataclass
class Tally:
    """`waits_ms` of the searches that had the write; `behind`: how often one said truly that it had not."""

    waits_ms: list[float] = field(default_factory=list)
    behind: int = 0
    longest_s: float = 0.0
    batches: int = 0


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        crm = RunningCrm(Path(folder), find_port_base())
        try:
            await asyncio.to_thread(crm.start)
            return await measure(crm)
        finally:
            await crm.stop()


async def measure(crm: RunningCrm, *, writes: int = WRITES, writers: int = WRITERS) -> list[Row]:
    """Have `writers` share the writes; raises AssertionError where a search that says it caught up did not."""
    user, other, tally = (await crm.new_tenant()).admin, (await crm.new_tenant("Bulk")).admin, Tally()
    load = asyncio.create_task(_write_much(other, tally))
    began_s = time.monotonic()
    try:
        await asyncio.gather(*(_write_and_search(user, tally, n, writes // writers) for n in range(writers)))
    finally:
        load.cancel()
    lasted_s, waits_ms = time.monotonic() - began_s, sorted(tally.waits_ms)
    found, total = len(waits_ms), len(waits_ms) + tally.behind
    return [
        Row(
            f"{total:,} own writes found by their positions, {total / lasted_s:.0f}/s beside another tenant's batches",
            f"{found:,} found, p50 {percentile(waits_ms, 0.5):.0f} ms, p99 {percentile(waits_ms, 0.99):.0f} ms after "
            f"the write; {tally.behind:,} told caught_up: false, the last of them there {tally.longest_s:.1f} s after",
            f"all within {WAITED_FOR_S:.0f} s",
            found / total,
            1.0,
        ),
        Row(f"beside them {tally.batches * BATCH / lasted_s:,.0f} contacts/s in batches", "", ""),
    ]


async def _write_and_search(user: User, tally: Tally, writer: int, writes: int) -> None:
    """Make, rename and delete contacts, each under a word that nobody else has."""
    chance = random.Random(writer)  # noqa: S311 - the same story in every run
    contact_id, known = "", ""
    for number in range(writes):
        word = f"okapi{writer}x{number}q"
        if not contact_id:
            answer = await user.call("contacts", "POST", "/v1/contacts", json={"first_name": word, "last_name": "Own"})
            contact_id, query, is_there = answer.json().get("id", ""), word, True
        elif chance.random() < 0.2:
            answer = await user.call("contacts", "DELETE", f"/v1/contacts/{contact_id}")
            query, is_there = known, False
        else:
            answer = await user.call("contacts", "PATCH", f"/v1/contacts/{contact_id}", json={"first_name": word})
            query, is_there = word, True
        assert answer.is_success, f"{answer.status_code}: {answer.text}"
        await _search(user, tally, query, answer.headers["Crm-Position"], [contact_id] if is_there else [])
        contact_id, known = (contact_id, word) if is_there else ("", "")


async def _search(user: User, tally: Tally, query: str, position: str, wanted: list[str]) -> None:
    """Search after the write; one that is behind, and says so, is asked again until it has it."""
    began_s = time.monotonic()
    page = await _ask(user, query, position)
    if page["caught_up"]:
        tally.waits_ms.append((time.monotonic() - began_s) * 1000)
    else:
        tally.behind += 1
    while not page["caught_up"]:
        assert time.monotonic() - began_s < GIVE_UP_S, f"not in the index within {GIVE_UP_S:.0f} s"
        page = await _ask(user, query, position)
        tally.longest_s = max(tally.longest_s, time.monotonic() - began_s)
    assert [item["id"] for item in page["items"]] == wanted, f"{query}: {page}"


async def _ask(user: User, query: str, position: str) -> dict[str, Any]:
    """Search; an index that is away is behind, and says so by a 503."""
    parameters = {"q": query, "after": position, "type": "contact"}
    answer = await user.call("search", "GET", "/v1/search", params=parameters)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return {"caught_up": False}
    page: dict[str, Any] = require_ok(answer)
    return page


async def _write_much(user: User, tally: Tally) -> None:
    """Bring in contacts in batches until cancelled."""
    while True:
        items = [{"first_name": "Gnu", "last_name": f"Number {number}"} for number in range(BATCH)]
        await user.post("contacts", "/v1/contacts/batch", {"mode": "create", "items": items})
        tally.batches += 1
        await asyncio.sleep(EVERY_S)
