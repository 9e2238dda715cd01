"""Holds what users see in the end against what was accepted: nothing lost, nothing twice."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import ConsumerRecord

from crm_shared.contracts import decode
from crm_testing.records import read_topic
from crm_testing.upgrade_drill.calls import Calls
from crm_testing.upgrade_drill.load import Ledger

AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Effect:
    """One kind of effect: how many there must be, and how many are lost or there too often."""

    name: str
    wanted: int
    lost: int
    repeated: int


async def list_effects(calls: Calls, ledger: Ledger, kafka_bootstrap: str, tenant_id: str) -> list[Effect]:
    """Compare timelines, search, report, lists and the topic of deals with the ledger."""
    return [
        await _compare_timelines(calls, ledger),
        compare("deals in the list", ledger.stages, await _list_all(calls, "deals", "/v1/deals")),
        compare("contacts in the list", ledger.contacts, await _list_all(calls, "contacts", "/v1/contacts")),
        compare("deals found", ledger.stages, await _list_all(calls, "search", "/v1/search", q="upgrade", type="deal")),
        compare(
            "contacts found",
            ledger.contacts,
            await _list_all(calls, "search", "/v1/search", q="upgrade", type="contact"),
        ),
        await _compare_report(calls, ledger),
        _compare_events(ledger, await read_topic(kafka_bootstrap, "crm.deal"), tenant_id),
    ]


def compare(name: str, wanted: Any, found: list[str]) -> Effect:
    """Compare two lots, of which each member is wanted once; or as often as it stands in `wanted`."""
    lot, seen = Counter(wanted if isinstance(wanted, list) else list(wanted)), Counter(found)
    return Effect(name, lot.total(), (lot - seen).total(), (seen - lot).total())


async def _compare_timelines(calls: Calls, ledger: Ledger) -> Effect:
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(deal: str) -> list[str]:
        async with turns:
            page = await calls.get("activities", f"/v1/timelines/deals/{deal}", limit=200)
        return [item["body"] for item in page["items"]]

    wanted, found = [], []
    shown = await asyncio.gather(*(read(deal) for deal in ledger.timelines))
    for (deal, entries), seen in zip(ledger.timelines.items(), shown, strict=True):
        # Their order counts: each is one with its place.
        wanted += [f"{deal} {place} {text}" for place, text in enumerate(entries)]
        found += [f"{deal} {place} {text}" for place, text in enumerate(seen)]
    return compare("timeline entries", wanted, found)


async def _list_all(calls: Calls, service: str, path: str, **parameters: Any) -> list[str]:
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = await calls.get(service, path, limit=200, **parameters, **more)
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        more = {"cursor": page["next_cursor"]}


async def _compare_report(calls: Calls, ledger: Ledger) -> Effect:
    report = await calls.get("reporting", "/v1/reports/pipeline")
    found = [row["stage_name"] for row in report["items"] for _ in range(row["deal_count"])]
    # A deal that is won is in no stage of the pipeline's report unless the report says so itself.
    named = {row["stage_name"] for row in report["items"]}
    return compare("deals in the report", [stage for stage in ledger.stages.values() if stage in named], found)


def _compare_events(ledger: Ledger, records: list[ConsumerRecord], tenant_id: str) -> Effect:
    """Each version of each deal was published, in order; a record published twice by two relays is no effect yet."""
    versions: dict[str, list[int]] = {}
    for event in _decode_all(records):
        if str(event.tenant_id) == tenant_id:
            published = versions.setdefault(str(event.aggregate_id), [])
            if event.version not in published:
                published.append(event.version)
    wanted = [f"{deal} {version}" for deal, published in versions.items() for version in range(1, max(published) + 1)]
    found = [f"{deal} {version}" for deal, published in versions.items() for version in published]
    missing = [deal for deal in ledger.stages if deal not in versions]
    unordered = sum(published != sorted(published) for published in versions.values())
    effect = compare("events of deals", wanted, found)
    return Effect(effect.name, effect.wanted, effect.lost + len(missing), effect.repeated + unordered)


def _decode_all(records: list[ConsumerRecord]) -> Iterator[Any]:
    for record in records:
        yield decode(record.key, record.value, record.headers)
