"""People at work: commands of all services through the public APIs, and when each was answered."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from crm_testing.suite.tenant import User

PAUSE_S: Final = 0.05
# What a command may meet that is about a record which went back with its service.
OF_THE_PAST: Final = frozenset({httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY})


@dataclass(slots=True)
class Journal:
    """`done`: service and moment of each command that was answered well. `away`: by service, when it was not."""

    done: list[tuple[str, datetime]] = field(default_factory=list)
    away: dict[str, list[datetime]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def list_done(self, service: str, since: datetime, until: datetime) -> list[datetime]:
        return [at for one, at in self.done if one == service and since < at <= until]

    def find_outage(self, service: str, since: datetime) -> tuple[datetime, datetime]:
        """Return the last moment at which the service had answered before it went away, and the first one after."""
        began = min(at for at in self.away[service] if at > since)
        ended = max(at for at in self.away[service] if at > since)
        last = max(at for one, at in self.done if one == service and at < began)
        return last, min(at for one, at in self.done if one == service and at > ended)


class Worker:
    """One person, whose next command is drawn by chance among those that `_choose` has."""

    def __init__(self, user: User, stages: Mapping[str, str], journal: Journal, seed: int) -> None:
        self._user = user
        self._stages = list(stages.values())
        self._journal = journal
        self._dice = random.Random(seed)  # noqa: S311 - a repeatable course, no secret
        self._contacts: list[str] = []
        self._deals: list[str] = []
        self._number = seed * 100_000

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._act()
            await asyncio.sleep(PAUSE_S)

    async def _act(self) -> None:
        self._number += 1
        service, path, body, kept = self._choose()
        try:
            answer = await self._user.call(service, "POST", path, json=body)
        except httpx.TransportError:
            self._journal.away.setdefault(service, []).append(datetime.now(UTC))
            return
        if answer.is_success:
            self._journal.done.append((service, datetime.now(UTC)))
            if kept is not None:
                kept.append(answer.json()["id"])
        elif answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            self._journal.away.setdefault(service, []).append(datetime.now(UTC))
        elif answer.status_code not in OF_THE_PAST:
            self._journal.refused.append(f"{path}: {answer.status_code} {answer.text}")

    def _choose(self) -> tuple[str, str, dict[str, Any], list[str] | None]:
        """Return a service, a path, a body, and the list that gets what it makes."""
        dice, number = self._dice.random(), self._number
        if not self._contacts or dice < 0.2:
            name = {"first_name": f"First{number}", "last_name": f"Last{number}", "email": f"{number}@drill.example"}
            return "contacts", "/v1/contacts", name, self._contacts
        contact = self._dice.choice(self._contacts[-20:])
        if not self._deals or dice < 0.35:
            deal = {"name": f"Deal {number}", "amount": f"{number % 900}.50", "contact_id": contact}
            return "deals", "/v1/deals", deal, self._deals
        deal_id = self._dice.choice(self._deals[-20:])
        if dice < 0.75:
            return "deals", f"/v1/deals/{deal_id}/move", {"stage_id": self._dice.choice(self._stages)}, None
        if dice < 0.95 or len(self._contacts) < 4:
            note = {"type": "NOTE", "deal_id": deal_id, "body": f"Note {number}"}
            return "activities", "/v1/activities", note, None
        other = self._contacts.pop(self._dice.randrange(len(self._contacts) - 1))
        target = self._contacts[-1]
        return "contacts", f"/v1/contacts/{target}/merge", {"other_id": other}, None


@asynccontextmanager
async def traffic(users: list[User], workers_each: int) -> AsyncIterator[Journal]:
    """Have them work while in the block; yield what they did."""
    journal, stop = Journal(), asyncio.Event()
    stages = [await user.stages() for user in users]
    working = [
        asyncio.create_task(Worker(user, at, journal, seed=10 * place + number).work(stop))
        for place, (user, at) in enumerate(zip(users, stages, strict=True))
        for number in range(1, workers_each + 1)
    ]
    try:
        yield journal
    finally:
        stop.set()
        await asyncio.gather(*working)
