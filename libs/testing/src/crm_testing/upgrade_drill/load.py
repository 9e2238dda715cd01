"""What users do all the while, and what everybody must see of it in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from crm_testing.suite.tenant import Json
from crm_testing.upgrade_drill.calls import Calls

WRITERS: Final = 4
PAUSE_S: Final = 1.0
BATCH_EVERY: Final = 4
MERGE_EVERY: Final = 3
COURSE: Final = ("Discovery", "Proposal", "Negotiation", "Closed Won")
FIRST: Final = "Qualification"


@dataclass
class Ledger:
    """What was accepted, and so must be there. `timelines`: by deal, its entries, newest first."""

    timelines: dict[str, list[str]] = field(default_factory=dict)
    contacts: set[str] = field(default_factory=set)
    merged: set[str] = field(default_factory=set)
    stages: dict[str, str] = field(default_factory=dict)
    """By deal, the stage that it is in."""


class Load:
    """`WRITERS` users at once; each makes people and deals, moves, notes, merges, looks them up, and begins again."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._ended = asyncio.Event()
        self._stages: dict[str, str] = {}
        self.ledger = Ledger()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Work during the block; what is begun then is done to its end."""
        pipelines = await self._calls.get("deals", "/v1/pipelines")
        self._stages = {stage["name"]: stage["id"] for stage in pipelines["items"][0]["stages"]}
        async with asyncio.TaskGroup() as writers:
            for writer in range(WRITERS):
                writers.create_task(self._work(writer))
            try:
                yield
            finally:
                self._ended.set()

    async def _work(self, writer: int) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            name = f"{writer}x{number}"
            contact = await self._make_contact(name)
            await self._move_a_deal(name, contact)
            if number % MERGE_EVERY == 0:
                await self._merge(name, contact)
            if number % BATCH_EVERY == 0:
                await self._make_batch(name)
            await self._look(name)
            await asyncio.sleep(PAUSE_S)

    async def _make_contact(self, name: str) -> str:
        person = {"first_name": "Pat", "last_name": f"Upgrade {name}", "email": f"{name}@upgrade.example"}
        contact: str = (await self._calls.post("contacts", "/v1/contacts", person))["id"]
        self.ledger.contacts.add(contact)
        return contact

    async def _move_a_deal(self, name: str, contact: str) -> None:
        body: Json = {"name": f"Upgrade {name}", "amount": "10.00", "contact_id": contact}
        deal: str = (await self._calls.post("deals", "/v1/deals", body))["id"]
        timeline = self.ledger.timelines[deal] = []
        present = FIRST
        for target in COURSE[: 1 + len(name) % len(COURSE)]:
            await self._calls.post("deals", f"/v1/deals/{deal}/move", {"stage_id": self._stages[target]})
            timeline.insert(0, f"Deal moved from {present} to {target}")
            present = target
        self.ledger.stages[deal] = present
        text = f"Called about {name}"
        await self._calls.post("activities", "/v1/activities", {"type": "NOTE", "deal_id": deal, "body": text})
        timeline.insert(0, text)

    async def _merge(self, name: str, contact: str) -> None:
        other = await self._make_contact(f"{name}b")
        await self._calls.post("contacts", f"/v1/contacts/{contact}/merge", {"other_id": other})
        self.ledger.contacts.discard(other)
        self.ledger.merged.add(other)

    async def _make_batch(self, name: str) -> None:
        items = [{"name": f"Upgrade {name} batch {number}", "amount": "1.00"} for number in range(5)]
        made = await self._calls.post("deals", "/v1/deals/batch", {"mode": "create", "items": items})
        for item in made["items"]:
            self.ledger.timelines[item["id"]] = []
            self.ledger.stages[item["id"]] = FIRST

    async def _look(self, name: str) -> None:
        await self._calls.get("search", "/v1/search", q=f"upgrade {name}")
        await self._calls.get("reporting", "/v1/reports/pipeline")
        await self._calls.get("contacts", "/v1/contacts", limit=5)
