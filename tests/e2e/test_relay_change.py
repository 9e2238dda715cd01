"""A suite moves from its relays to Debezium and back while its users work: nothing is lost, nothing comes twice.

What it shows of one story is the same to the byte, whoever brought the story's events; but for ids and moments, what
is counted by the clock, and the order of hits that have one score.
"""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg
import httpx
import pytest
from aiokafka import ConsumerRecord

from crm_local.debezium import forget_former_debezium, let_debezium_in
from crm_local.plan import Plan
from crm_shared.contracts import decode
from crm_shared.outbox.cleaner import Cleaner
from crm_shared.outbox.settings import RelaySettings
from crm_shared.service_registry import PUBLISHERS
from crm_testing.records import read_ends, read_topic
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines

WRITERS: Final = 4
CONNECT_WITHIN_S: Final = 300.0  # two cores, a Java process that starts, and other tests beside
RELAYS: Final = [f"{service}-relay" for service in PUBLISHERS]
WHAT_DIFFERS: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+\d\d:\d\d)"
)
COUNTED_BY_CLOCK: Final = re.compile(r'"(score|average_age_days|average_days_in_stage)":[\d.]+')
COUNT_UNSENT: Final = "SELECT count(*) FROM outbox WHERE tenantid = $1"
COUNT_SLOTS: Final = "SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'crm\\_%\\_outbox'"


async def publish(user: User) -> Json:
    """Have a company, a person there and two deals, moved, changed, talked about; give what was made, by name."""
    stages = await user.stages()
    company = await user.post("contacts", "/v1/companies", {"name": "Quillfeather Press"})
    person = {"first_name": "Odalys", "last_name": "Marchetti", "company_id": company["id"]}
    contact = await user.post("contacts", "/v1/contacts", person)
    deals = {}
    for name, course in {"Broadsheet": ("Proposal", "Closed Won"), "Almanac": ("Discovery", "Closed Lost")}.items():
        deal = await user.post("deals", "/v1/deals", {"name": name, "amount": "950.00", "contact_id": contact["id"]})
        for stage in course:
            await user.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages[stage]})
        deals[name] = deal
    call = {"type": "CALL", "deal_id": deals["Almanac"]["id"], "body": "They print elsewhere now"}
    await user.post("activities", "/v1/activities", call)
    renamed = await user.call("contacts", "PATCH", f"/v1/contacts/{contact['id']}", json={"last_name": "Vantongeren"})
    assert renamed.status_code == httpx.codes.OK, renamed.text
    return {"contact": contact, "company": company, **deals}


async def read_answers(user: User, published: Json) -> list[str]:
    """Return what the suite shows of a story: each id by what it is of, each moment as one."""
    asked = [
        *(("activities", f"/v1/timelines/deals/{published[name]['id']}", {}) for name in ("Broadsheet", "Almanac")),
        ("activities", f"/v1/timelines/contacts/{published['contact']['id']}", {}),
        *(("search", "/v1/search", {"q": word}) for word in ("vantongeren", "quillfeather", "broadsheet", "almanac")),
        *(("reporting", f"/v1/reports/{name}", {}) for name in ("pipeline", "win-rate", "leaderboard")),
    ]
    names = {one["id"]: name for name, one in published.items()}

    def stand_in(match: re.Match[str]) -> str:
        return "<moment>" if "T" in match[0] else f"<{names.get(match[0], 'id')}>"

    answers = []
    for service, path, parameters in asked:
        answer = await user.call(service, "GET", path, params=parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        text = COUNTED_BY_CLOCK.sub(r'"\1":0', WHAT_DIFFERS.sub(stand_in, answer.text))
        answers.append(sort_hits(text) if service == "search" else text)
    return answers


def sort_hits(answer: str) -> str:
    page = json.loads(answer)
    return json.dumps({**page, "items": sorted(page["items"], key=json.dumps)})


async def have_arrive(crm: RunningCrm, tenant: Tenant) -> Json:
    """Tell the story in the tenant, and wait until whoever is the relay now has brought it everywhere."""
    published = await publish(tenant.admin)
    notes = ["Deal moved from Proposal to Closed Won", "Deal moved from Qualification to Proposal"]
    await eventually(lambda: tenant.admin.timeline(published["Broadsheet"]["id"]), notes, within_s=CONNECT_WITHIN_S)
    await eventually(lambda: tenant.admin.search("vantongeren", type="contact"), [published["contact"]["id"]])
    await eventually(tenant.admin.report, await tenant.admin.board())
    await eventually(lambda: count_unsent(crm, tenant), 0)
    return published


async def count_unsent(crm: RunningCrm, tenant: Tenant) -> int:
    count = 0
    for service in PUBLISHERS:
        connection = await asyncpg.connect(crm.plan.dsn(service, "worker"))
        try:
            count += await connection.fetchval(COUNT_UNSENT, str(tenant.id))
        finally:
            await connection.close()
    return count


class Load:
    """Users who make deals and move them about, and know what has to be seen of each."""

    def __init__(self, user: User, stages: dict[str, str]) -> None:
        self._user, self._stages = user, stages
        self._ended = asyncio.Event()
        self.notes: dict[str, list[str]] = {}

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        writers = [asyncio.create_task(self._work(number)) for number in range(WRITERS)]
        try:
            yield
        finally:
            self._ended.set()
            await asyncio.gather(*writers)

    async def _work(self, number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - a repeatable course, no secret
        while not self._ended.is_set():
            deal = await self._user.post_surely("deals", "/v1/deals", {"name": f"Load {number}", "amount": "1.00"})
            notes = self.notes[deal["id"]] = []
            present = "Qualification"
            for _ in range(dice.randrange(2, 9)):
                target = dice.choice([name for name in self._stages if name != present])
                path = f"/v1/deals/{deal['id']}/move"
                await self._user.post_surely("deals", path, {"stage_id": self._stages[target]})
                notes.insert(0, f"Deal moved from {present} to {target}")
                present = target
                await asyncio.sleep(dice.random() / 2)


@asynccontextmanager
async def debezium_instead(crm: RunningCrm) -> AsyncIterator[None]:
    """Have Debezium go on in the relays' place, as `crm up --cdc` has it; at the end the relays are back."""
    crm.home.remember("debezium", wanted=True)
    plan = Plan(crm.home, crm.plan.port_base)
    crm.home.remember("debezium", wanted=False)
    connect = plan.connect
    assert connect is not None
    async with AsyncExitStack() as stack:
        stack.enter_context(crm.supervisor_frozen())
        await crm.end(*RELAYS)
        await let_debezium_in(plan)
        stack.push_async_callback(forget, crm.plan)
        stack.callback(connect.kill)
        await asyncio.to_thread(lambda: connect.start().wait_ready(timeout_s=CONNECT_WITHIN_S))
        stack.push_async_callback(asyncio.to_thread, connect.stop)
        for service in PUBLISHERS:
            await stack.enter_async_context(cleaning(plan, service))
        yield
    await crm.wait_ready(*RELAYS)


@asynccontextmanager
async def cleaning(plan: Plan, service: str) -> AsyncIterator[None]:
    """Run for the block what runs in a relay's process beside Debezium."""
    settings = RelaySettings(plan.dsn(service, "worker"), plan.kafka.bootstrap, service, kind="debezium")
    cleaner = Cleaner(settings)
    task = asyncio.create_task(cleaner.run())
    try:
        yield
    finally:
        cleaner.stop()
        await task


async def forget(plan: Plan) -> None:
    await eventually(lambda: count_slots(plan, only_active=True), 0)
    await forget_former_debezium(plan)


async def count_slots(plan: Plan, *, only_active: bool = False) -> int:
    admin = await asyncpg.connect(plan.postgres.admin_dsn)
    try:
        return int(await admin.fetchval(COUNT_SLOTS + (" AND active" if only_active else "")))
    finally:
        await admin.close()


def list_histories(records: list[ConsumerRecord]) -> dict[str, list[int]]:
    """Return each deal's versions in the order in which they were told first."""
    histories: dict[str, list[int]] = {}
    for record in records:
        versions = histories.setdefault(record.key.decode(), [])
        version = decode(record.key, record.value, record.headers).version
        if version not in versions:
            versions.append(version)
    return histories


async def test_a_suite_moves_to_debezium_and_back_under_load(crm: RunningCrm, tenant: Tenant) -> None:
    begin = await read_ends(crm.plan.kafka.bootstrap, "crm.deal")
    load = Load(tenant.admin, await tenant.admin.stages())
    tenants = [await crm.new_tenant("Story") for _ in range(3)]
    async with load.going_on():
        by_relay = await have_arrive(crm, tenants[0])
        async with debezium_instead(crm):
            by_debezium = await have_arrive(crm, tenants[1])
        by_relay_again = await have_arrive(crm, tenants[2])
    assert await count_slots(crm.plan) == 0
    await crm.drain()

    for deal_id, notes in load.notes.items():
        assert await tenant.admin.timeline(deal_id) == notes
    board = await tenant.admin.board()
    assert await tenant.admin.report() == board
    assert sum(count for count, _ in board.values()) == len(load.notes)
    published = list_histories(await read_topic(crm.plan.kafka.bootstrap, "crm.deal", begin=begin))
    for deal_id in load.notes:
        assert published[deal_id] == list(range(1, len(published[deal_id]) + 1))

    stories = zip(tenants, (by_relay, by_debezium, by_relay_again), strict=True)
    first, second, third = [await read_answers(one.admin, published) for one, published in stories]
    assert [pair for pair in zip(first, second, strict=True) if len({*pair}) > 1] == []
    assert [pair for pair in zip(first, third, strict=True) if len({*pair}) > 1] == []
