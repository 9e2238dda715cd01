"""Shares attempts out among tenants: no I/O. Who has the fewest under way is asked first, and ceilings hold for all."""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from crm_deals.settings import DealsSettings

FAILURES_BEFORE_FEELING = 5
"""From then on one attempt at a time finds out whether the endpoint is back, instead of one for each record."""

MAX_HOSTS = 10_000
"""Whose rate is remembered before those that are idle are forgotten."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an attempt counts for."""

    tenant_id: UUID
    webhook_id: UUID
    host: str


class Shares:
    """Counts the attempts under way in this process, and says how many more may begin."""

    def __init__(self, settings: DealsSettings, now_s: Callable[[], float]) -> None:
        self._settings = settings
        self._now_s = now_s
        self._total = 0
        self._by_tenant: Counter[UUID] = Counter()
        self._by_webhook: Counter[UUID] = Counter()
        self._by_host: Counter[str] = Counter()
        self._by_tenant_and_host: Counter[tuple[UUID, str]] = Counter()
        self._free_at_s: dict[str, float] = {}

    def begin(self, place: Place) -> None:
        self._count(place, 1)
        self._forget_hosts()
        self._free_at_s[place.host] = self._find_free_at(place.host) + 1 / self._settings.webhook_host_rate

    def end(self, place: Place) -> None:
        self._count(place, -1)

    def share_out(self, due: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
        """Return how many attempts each due webhook (tenant_id, id, url, failures) may begin now, in a fair order.

        One attempt after the other goes to the tenant with the fewest, those under way included; within a tenant, to
        the webhook with the fewest.
        """
        given: Counter[UUID] = Counter()
        places = {webhook["id"]: place_of(webhook) for webhook in due}
        budget = {place.host: self._count_rate(place.host) for place in places.values()}
        queue = [(*self._rank(places[webhook["id"]]), number) for number, webhook in enumerate(due)]
        heapq.heapify(queue)
        while queue:
            *rank, number = heapq.heappop(queue)
            webhook = due[number]
            place = places[webhook["id"]]
            present = self._rank(place)
            if tuple(rank) == present:  # else the tenant got something meanwhile and stands further back
                if budget[place.host] < 1 or not self._has_room(place, webhook["failures"]):
                    continue
                budget[place.host] -= 1
                given[place.webhook_id] += 1
                self._count(place, 1)
                present = self._rank(place)
            heapq.heappush(queue, (*present, number))
        for webhook_id, attempts in given.items():
            self._count(places[webhook_id], -attempts)
        return [(webhook, given[webhook["id"]]) for webhook in due if given[webhook["id"]]]

    def _rank(self, place: Place) -> tuple[int, int]:
        return self._by_tenant[place.tenant_id], self._by_webhook[place.webhook_id]

    def _has_room(self, place: Place, failures: int) -> bool:
        settings = self._settings
        at_once = 1 if failures >= FAILURES_BEFORE_FEELING else settings.webhook_concurrency
        return (
            self._total < settings.webhook_total_concurrency
            and self._by_webhook[place.webhook_id] < at_once
            and self._by_tenant[place.tenant_id] < settings.webhook_tenant_concurrency
            and self._by_host[place.host] < settings.webhook_host_concurrency
            and self._by_tenant_and_host[place.tenant_id, place.host] < settings.webhook_concurrency
        )

    def _count(self, place: Place, by: int) -> None:
        self._total += by
        counters: tuple[tuple[Counter[Any], Any], ...] = (
            (self._by_tenant, place.tenant_id),
            (self._by_webhook, place.webhook_id),
            (self._by_host, place.host),
            (self._by_tenant_and_host, (place.tenant_id, place.host)),
        )
        for counter, key in counters:
            counter[key] += by
            if not counter[key]:
                del counter[key]

    def _find_free_at(self, host: str) -> float:
        """Return since when the host has been owed attempts: a second's worth at most, or one, may begin together."""
        burst_s = max(1.0, 1 / self._settings.webhook_host_rate)
        return max(self._free_at_s.get(host, -math.inf), self._now_s() - burst_s)

    def _count_rate(self, host: str) -> int:
        owed_s = self._now_s() - self._find_free_at(host)
        return max(0, math.floor(owed_s * self._settings.webhook_host_rate + 1e-6))

    def _forget_hosts(self) -> None:
        if len(self._free_at_s) > MAX_HOSTS:
            now_s = self._now_s()
            self._free_at_s = {host: at_s for host, at_s in self._free_at_s.items() if at_s > now_s - 1}


def place_of(webhook: Mapping[str, Any]) -> Place:
    return Place(webhook["tenant_id"], webhook["id"], (urlsplit(webhook["url"]).hostname or "").rstrip("."))
