"""A second worker of each kind comes and goes under load: both share it, nothing is lost, no effect comes twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import READY_WITHIN_S, RunningCrm
from crm_testing.suite.tenant import Tenant, User, eventually

pytestmark = [pytest.mark.engines, pytest.mark.faults]

WRITERS, PAUSE_S, ENDS_WITHIN_S = 2, 0.5, 60.0
MORE_OFFSET = 31


@dataclass
class Work:
    """What users have done so far. `notes` are those that a deal's timeline must show, newest first."""

    user: User
    stages: dict[str, str]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    notes: dict[str, list[str]] = field(default_factory=dict)

    async def go_on(self, writer: int) -> None:
        """Make a contact and a deal of theirs, move it twice, and begin again until told to stop."""
        number = 0
        while not self.stop.is_set():
            number += 1
            name = f"{writer}x{number}"
            person = {"first_name": "Pat", "last_name": f"Share {name}", "email": f"{name}@share.example"}
            contact = await self.user.post_surely("contacts", "/v1/contacts", person)
            body = {"name": f"Share {name}", "amount": "10.00", "contact_id": contact["id"]}
            deal = await self.user.post_surely("deals", "/v1/deals", body)
            for target in ("Proposal", "Negotiation"):
                move = {"stage_id": self.stages[target]}
                await self.user.post_surely("deals", f"/v1/deals/{deal['id']}/move", move)
            self.notes[deal["id"]] = [
                "Deal moved from Proposal to Negotiation",
                "Deal moved from Qualification to Proposal",
            ]
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def worker_beside(crm: RunningCrm, service: str, port: int, log: IO[bytes]) -> AsyncIterator[None]:
    """Run one more worker of the service; told to end, it ends by itself and in order."""
    environment = crm.plan.service_environment(service, "worker") | {"CRM_HTTP_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *crm.plan.service_command(service, "worker"), env=environment, stdout=log, stderr=log
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDS_WITHIN_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_consumed(client: httpx.AsyncClient, ports: dict[str, int]) -> dict[str, float]:
    """Give, by service, how many records its process at that port has handled."""
    consumed: dict[str, float] = {}
    for service, port in ports.items():
        page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        families = {family.name: family for family in text_string_to_metric_families(page)}
        samples = families["crm_bus_consumed"].samples
        consumed[service] = sum(one.value for one in samples if one.name.endswith("_total"))
    return consumed


async def wait_until_all_are_ready(client: httpx.AsyncClient, ports: dict[str, int]) -> None:
    async def are_ready() -> bool:
        try:
            answers = [await client.get(f"http://127.0.0.1:{port}/readyz") for port in ports.values()]
        except httpx.TransportError:
            return False
        return all(answer.is_success for answer in answers)

    await eventually(are_ready, wanted=True, within_s=READY_WITHIN_S)


async def wait_until_all_have_worked(client: httpx.AsyncClient, rows: list[dict[str, int]]) -> None:
    """Wait until each process of each row has handled something since the call."""
    before = [await read_consumed(client, ports) for ports in rows]

    async def list_idle() -> list[str]:
        now = [await read_consumed(client, ports) for ports in rows]
        return [s for s in SERVICES if not all(n[s] > b[s] for n, b in zip(now, before, strict=True))]

    await eventually(list_idle, [], within_s=READY_WITHIN_S)


async def test_two_workers_of_each_kind_share_the_load_and_one_may_come_and_go(
    crm: RunningCrm, tenant: Tenant, tmp_path: Path
) -> None:
    work = Work(tenant.admin, await tenant.admin.stages())
    ports = {program.service: program.port for program in crm.plan.programs() if program.role == "worker"}
    # Of the suite's own hundred: whoever looks for ports meanwhile passes over all of them.
    more = {service: crm.plan.port_base + MORE_OFFSET + number for number, service in enumerate(SERVICES)}
    async with httpx.AsyncClient(timeout=READY_WITHIN_S) as client, asyncio.TaskGroup() as writers:
        for writer in range(WRITERS):
            writers.create_task(work.go_on(writer))
        try:
            async with AsyncExitStack() as beside:
                log = beside.enter_context((tmp_path / "log").open("wb"))
                for service, port in more.items():
                    await beside.enter_async_context(worker_beside(crm, service, port, log))
                await wait_until_all_are_ready(client, more)
                await wait_until_all_have_worked(client, [ports, more])
            # Those that stay take back what the others had, while the work goes on.
            await wait_until_all_have_worked(client, [ports])
        finally:
            work.stop.set()

    await crm.wait_ready()
    await crm.drain()
    for deal_id, notes in work.notes.items():
        assert await tenant.admin.timeline(deal_id) == notes
    board = await tenant.admin.board()
    assert board == await tenant.admin.report()
    assert sum(count for count, _ in board.values()) == len(work.notes)
    await eventually(lambda: _list_found(tenant.admin), set(work.notes))


async def _list_found(user: User) -> set[str]:
    """Return all deals that search finds of this work, page by page."""
    found: set[str] = set()
    more: dict[str, str] = {}
    while True:
        page = await user.get("search", "/v1/search", q="share", type="deal", limit=200, **more)
        found |= {item["id"] for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        more = {"cursor": page["next_cursor"]}
