"""The upgrade and the way back, step by step as docs/operations/upgrade.md has them, while users work."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import httpx

from crm_local.issuer import issue
from crm_local.plan import Plan
from crm_shared.service_registry import PUBLISHERS, SERVICES
from crm_testing.drain import Bus, drain
from crm_testing.suite.tenant import eventually
from crm_testing.upgrade_drill.calls import Calls
from crm_testing.upgrade_drill.deliveries import subscribed
from crm_testing.upgrade_drill.effects import Effect, list_effects
from crm_testing.upgrade_drill.fleet import Fleet
from crm_testing.upgrade_drill.load import Load
from crm_testing.upgrade_drill.processes import DrillFailed, run_command
from crm_testing.upgrade_drill.trees import Tree

ROLES: Final = ("worker", "relay", "api")
RESTS_WITHIN_S: Final = 240.0
CALL_WITHIN_S: Final = 60.0
VERIFIED: Final = ("search", "reporting")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the drill has seen."""

    calls: Calls
    effects: list[Effect]
    verified: list["Verified"]

    @property
    def is_clean(self) -> bool:
        failed = any(phase.failed for phase in self.calls.phases)
        wrong = any(effect.lost or effect.repeated for effect in self.effects)
        return not failed and not wrong and all(one.agrees for one in self.verified if one.is_last)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a service's command printed; `is_last`: its word on whether all agrees is the last."""

    command: str
    output: str
    agrees: bool
    is_last: bool = True


async def run_drill(plan: Plan, old: Tree, new: Tree, *, pause_s: float) -> Outcome:
    """Run it on engines that are up and a suite that `old` has brought up. Raises DrillFailed, NoRest, DeadLettered."""
    async with httpx.AsyncClient(timeout=CALL_WITHIN_S) as client, opened_fleet(plan, client) as fleet:
        await fleet.start(old, ROLES)
        tenant_id, calls = await make_tenant(plan, old, fleet, client)
        load = Load(calls)
        async with subscribed(calls, plan.port_base) as subscription:
            async with load.going_on():
                await _upgrade(calls, fleet, old, new, pause_s)
                await _go_back(calls, fleet, old, new, pause_s)
            calls.end()
            await drain(list_bus(plan), timeout_s=RESTS_WITHIN_S)
            calls.begin("what all see in the end")
            effects = await list_effects(calls, load.ledger, plan.kafka.bootstrap, tenant_id)
            effects.append(await subscription.compare(load.ledger))
            calls.end()
        verified = [one for service in VERIFIED for one in await verify(new, service, fleet)]
        await fleet.end(new, ROLES)
    return Outcome(calls, effects, verified)


async def _upgrade(calls: Calls, fleet: Fleet, old: Tree, new: Tree, pause_s: float) -> None:
    await asyncio.sleep(pause_s)
    calls.begin("provision, migrate")
    await asyncio.to_thread(new.bring_up)
    calls.begin("old code, new schema")
    await asyncio.sleep(pause_s)
    for role in ROLES:
        calls.begin(f"new {role}s beside old")
        await fleet.start(new, [role])
        await asyncio.sleep(pause_s)
        calls.begin(f"old {role}s end")
        await fleet.end(old, [role])
    calls.begin("new alone")
    await asyncio.sleep(pause_s)


async def _go_back(calls: Calls, fleet: Fleet, old: Tree, new: Tree, pause_s: float) -> None:
    calls.begin("back: old beside new")
    await fleet.start(old, ROLES)
    await asyncio.sleep(pause_s)
    calls.begin("back: new end")
    await fleet.end(new, ROLES)
    calls.begin("back: old alone")
    await asyncio.sleep(pause_s)
    calls.begin("forward: new beside old")
    await fleet.start(new, ROLES)
    calls.begin("forward: old end")
    await fleet.end(old, ROLES)
    await asyncio.sleep(pause_s)


async def verify(new: Tree, service: str, fleet: Fleet) -> list[Verified]:
    """Have the service compare what it keeps. What a worker of before wrote its own way is mended as the page says."""
    found = [await _verify(new, service, fleet)]
    if found[0].agrees:
        return found
    found[0] = replace(found[0], is_last=False)
    if service == "search":
        return [*found, await _verify(new, service, fleet, "--heal")]
    recounted = await _run(new, service, fleet, "recount")
    return [*found, replace(recounted, is_last=False), await _verify(new, service, fleet)]


async def _verify(new: Tree, service: str, fleet: Fleet, *options: str) -> Verified:
    return await _run(new, service, fleet, "verify", *options)


async def _run(new: Tree, service: str, fleet: Fleet, name: str, *options: str) -> Verified:
    status, output = await run_command(new.describe_command(service, name, *options), fleet.logs)
    return Verified(" ".join((f"crm-{service} {name}", *options)), output.strip(), status == 0)


@asynccontextmanager
async def opened_fleet(plan: Plan, client: httpx.AsyncClient) -> AsyncIterator[Fleet]:
    fleet = Fleet(plan, plan.home.logs, client)
    try:
        await fleet.open_addresses()
        yield fleet
    finally:
        await fleet.close()


async def make_tenant(plan: Plan, old: Tree, fleet: Fleet, client: httpx.AsyncClient) -> tuple[str, Calls]:
    """Make a tenant as an operator of the old release does; return its id and its ADMIN's calls, begun."""
    options = ["--name", "Upgrade", "--admin-email", "admin@upgrade.example", "--currency", "EUR"]
    command = old.describe_command("contacts", "create-tenant", *options, "--time-zone", "Europe/Berlin")
    status, output = await run_command(command, fleet.logs)
    if status != 0:
        raise DrillFailed(f"crm-contacts create-tenant: {output}")
    made = json.loads(output.splitlines()[-1])
    tenant_id, admin_id = UUID(made["tenant_id"]), UUID(made["admin_id"])
    token = issue(plan.home, tenant_id=tenant_id, user_id=admin_id, ttl_s=3600 * 4)
    urls = {service: plan.api_url(service) for service in SERVICES}
    calls = Calls(client, urls, token)
    await eventually(lambda: answers_all(calls), wanted=True)
    calls.begin("old alone")
    return str(tenant_id), calls


async def answers_all(calls: Calls) -> bool:
    """Ask each API once: an index or a report that is asked for the first time on a busy machine may be away."""
    headers = {"Authorization": f"Bearer {calls.token}"}
    paths = {"search": "search?q=upgrade", "reporting": "reports/pipeline", "contacts": "contacts", "deals": "deals"}
    answers = [
        await calls.client.get(f"{calls.urls[service]}/v1/{path}", headers=headers) for service, path in paths.items()
    ]
    return all(answer.is_success for answer in answers)


def list_bus(plan: Plan) -> Bus:
    """Return every outbox, and every group with its topics as this tree's workers declare them."""
    workers = [importlib.import_module(f"crm_{service}.worker") for service in SERVICES]
    groups = {consumer.group_id: consumer.topics for worker in workers for consumer in worker.CONSUMERS}
    return Bus(plan.kafka.bootstrap, [plan.dsn(service, "worker") for service in PUBLISHERS], groups)
