"""What another system is told of by a webhook meanwhile: every change once, each deal's in their order."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from crm_testing.suite.tenant import eventually
from crm_testing.upgrade_drill.calls import Calls
from crm_testing.upgrade_drill.effects import Effect, compare
from crm_testing.upgrade_drill.load import Ledger
from crm_testing.webhook_receiver import Received, Receiver, receiving

CREATED, MOVED = "crm.deal.created", "crm.deal.stage_changed"
PORT_OFFSET: Final = 95
"""Of the other system's port from the suite's base."""


def allow_port(port_base: int) -> dict[str, str]:
    """Return the settings with which a suite delivers to this machine's other system."""
    return {
        "CRM_WEBHOOK_ALLOW_PRIVATE": "true",
        "CRM_WEBHOOK_ALLOW_HTTP": "true",
        "CRM_WEBHOOK_PORTS": f"[{port_base + PORT_OFFSET}]",
    }


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook of the drill's tenant, and what came by it."""

    calls: Calls
    webhook_id: str
    receiver: Receiver

    async def compare(self, ledger: Ledger) -> Effect:
        """Wait until nothing is to be delivered any more, and hold what came against what was accepted."""
        await eventually(self._has_sent_all, wanted=True)
        return compare_deliveries(ledger, self.receiver.received)

    async def _has_sent_all(self) -> bool:
        path = f"/v1/webhooks/{self.webhook_id}/deliveries"
        return not (await self.calls.get("deals", path, status="PENDING", limit=1))["items"]


@asynccontextmanager
async def subscribed(calls: Calls, port_base: int) -> AsyncIterator[Subscription]:
    """Be told of new deals and their moves during the block."""
    async with receiving(port_base + PORT_OFFSET) as receiver:
        webhook = {"url": receiver.url, "event_types": [CREATED, MOVED]}
        made = await calls.post("deals", "/v1/webhooks", webhook)
        yield Subscription(calls, made["id"], receiver)


def compare_deliveries(ledger: Ledger, received: Sequence[Received]) -> Effect:
    """Compare what came with the ledger. A delivery that came again under its own id is no second effect."""
    bodies: dict[str, dict[str, Any]] = {}
    for one in received:
        bodies.setdefault(one.headers["webhook-id"], json.loads(one.body))
    wanted = [f"{deal} {CREATED}" for deal in ledger.stages]
    for deal, entries in ledger.timelines.items():
        wanted += [f"{deal} {MOVED}"] * sum(entry.startswith("Deal moved from ") for entry in entries)
    versions: dict[str, list[int]] = {}
    for body in bodies.values():
        versions.setdefault(body["subject"], []).append(int(body["sequence"]))
    unordered = sum(found != sorted(found) for found in versions.values())
    effect = compare("deliveries by webhook", wanted, [f"{body['subject']} {body['type']}" for body in bodies.values()])
    return Effect(effect.name, effect.wanted, effect.lost, effect.repeated + unordered)
