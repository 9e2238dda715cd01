"""Board and pipeline report agree to the cent whenever nothing moves, whatever has happened before."""

import random
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant, User

pytestmark = pytest.mark.engines

KEPT = (
    *("deal_facts", "deal_rollup", "deal_versions", "deal_periods", "stage_transitions"),
    *("pipelines", "stages", "stage_versions"),
)
DEALS, OPERATIONS, QUIET_MOMENTS, AT_ONCE = 1_500, 10_000, 4, 400


@dataclass
class Business:
    """What goes on in one tenant, at random."""

    admin: User
    owners: list[User]
    pipeline_id: str
    stages: list[dict[str, Any]]
    deals: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    choice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - repeats what failed

    async def create(self, count: int) -> None:
        items = [
            {
                "name": f"Deal {number}",
                "amount": self.amount(),
                "owner_id": str(self.choice.choice(self.owners).id),
                "stage_id": self.choice.choice(self.stages)["id"],
            }
            for number in range(count)
        ]
        answer = await self.admin.post_batch("deals", "/v1/deals/batch", {"mode": "create", "items": items})
        self.deals += [item["id"] for item in answer["items"] if item["status"] == 201]
        assert {item["status"] for item in answer["items"]} == {201}

    def amount(self) -> str | None:
        return self.choice.choice([None, "0.01", f"{self.choice.randrange(10**7) / 100:.2f}", "9999999999.99"])

    def pick(self, count: int) -> list[str]:
        present = [deal for deal in self.deals if deal not in self.deleted]
        return self.choice.sample(present, min(count, len(present)))

    async def move(self, count: int) -> None:
        items = [{"deal_id": deal, "stage_id": self.choice.choice(self.stages)["id"]} for deal in self.pick(count)]
        answer = await self.admin.post_batch("deals", "/v1/deals/move", {"items": items})
        assert {item["status"] for item in answer["items"]} == {200}

    async def edit(self, count: int) -> None:
        items = [
            {"id": deal, "amount": self.amount(), "owner_id": str(self.choice.choice(self.owners).id)}
            for deal in self.pick(count)
        ]
        answer = await self.admin.post_batch("deals", "/v1/deals/batch", {"mode": "update", "items": items})
        assert {item["status"] for item in answer["items"]} == {200}

    async def delete_and_restore(self, count: int) -> None:
        for deal in self.pick(count):
            assert (await self.admin.call("deals", "DELETE", f"/v1/deals/{deal}")).status_code == 204
            self.deleted.add(deal)
        for deal in self.choice.sample(sorted(self.deleted), len(self.deleted) // 2):
            await self.admin.post("deals", f"/v1/deals/{deal}/restore", {})
            self.deleted.remove(deal)

    async def reshape(self, number: int) -> None:
        """Insert a stage, rename another, turn the order round, and delete one with all that it holds."""
        path = f"/v1/pipelines/{self.pipeline_id}/stages"
        position = self.choice.randrange(len(self.stages))
        added = {"name": f"Stage {number}", "win_probability": self.choice.randrange(101), "position": position}
        await self.admin.post("deals", path, added)
        renamed = self.choice.choice(self.stages)["id"]
        body = {"name": f"Renamed {number}", "win_probability": self.choice.randrange(101)}
        assert (await self.admin.call("deals", "PATCH", f"{path}/{renamed}", json=body)).is_success
        gone = self.choice.choice([stage for stage in self.stages if stage["kind"] == "OPEN"])["id"]
        target = next(stage["id"] for stage in self.stages if stage["id"] != gone and stage["kind"] == "OPEN")
        answer = await self.admin.call("deals", "DELETE", f"{path}/{gone}", params={"move_to": target})
        assert answer.status_code == 204
        order = [stage["id"] for stage in reversed(await self.read_stages())]
        assert (await self.admin.call("deals", "PUT", f"{path}/order", json={"stage_ids": order})).is_success
        self.stages = await self.read_stages()

    async def read_stages(self) -> list[dict[str, Any]]:
        stages: list[dict[str, Any]] = (await self.admin.get("deals", f"/v1/pipelines/{self.pipeline_id}"))["stages"]
        return stages


async def read_board(user: User, pipeline_id: str) -> list[tuple[str, str, int, str, str]]:
    board = await user.get("deals", f"/v1/pipelines/{pipeline_id}/board", limit=1)
    return [
        (
            column["stage"]["id"],
            column["stage"]["name"],
            column["count"],
            column["totals"][0]["total"] if column["totals"] else "0.00",
            column["totals"][0]["weighted"] if column["totals"] else "0.00",
        )
        for column in board["stages"]
    ]


async def read_report(user: User, pipeline_id: str) -> list[tuple[str, str, int, str, str]]:
    report = await user.get("reporting", "/v1/reports/pipeline", pipeline_id=pipeline_id)
    return [
        (row["stage_id"], row["stage_name"], row["deal_count"], row["total"], row["weighted"])
        for row in report["items"]
    ]


async def require_same_past(user: User, answered: list[dict[str, Any]]) -> None:
    """Ask again for what was answered at moments that are past by now."""
    assert answered
    for report in answered:
        assert await user.get("reporting", "/v1/reports/pipeline", as_of=report["as_of"]) == report


async def read_kept(crm: RunningCrm, tenant: Tenant) -> dict[str, list[str]]:
    """Return every row that reporting keeps of the tenant's deals and pipelines, as text."""
    rows: dict[str, list[str]] = {}
    connection = await asyncpg.connect(crm.plan.dsn("reporting", "worker"))
    try:
        for table in KEPT:
            query = f"SELECT to_jsonb(t)::text FROM {table} t WHERE tenant_id = $1"  # noqa: S608 - our own names
            rows[table] = sorted(row[0] for row in await connection.fetch(query, tenant.id))
    finally:
        await connection.close()
    return rows


async def lose_kept(crm: RunningCrm, tenant: Tenant) -> None:
    connection = await asyncpg.connect(crm.plan.dsn("reporting", "worker"))
    try:
        for table in KEPT:
            await connection.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - our own names
    finally:
        await connection.close()


async def test_ten_thousand_operations_leave_board_and_report_agreed(crm: RunningCrm, tenant: Tenant) -> None:
    manager = await tenant.add_user("mia", "MANAGER")
    owners = [await tenant.add_user(f"rep{number}", "REP", manager=manager) for number in range(3)]
    pipeline = (await tenant.admin.get("deals", "/v1/pipelines"))["items"][0]
    business = Business(tenant.admin, [tenant.admin, manager, *owners], pipeline["id"], pipeline["stages"])
    while len(business.deals) < DEALS:
        await business.create(500)
    done, quiet = len(business.deals), 0
    answered = []
    while done < OPERATIONS:
        await business.move(AT_ONCE)
        await business.edit(AT_ONCE)
        await business.delete_and_restore(20)
        done += 2 * AT_ONCE + 30
        if done * QUIET_MOMENTS >= (quiet + 1) * OPERATIONS:
            quiet += 1
            await business.reshape(quiet)
            await crm.drain()
            for user in (tenant.admin, manager, owners[0]):
                board = await read_board(user, pipeline["id"])
                assert board == await read_report(user, pipeline["id"])
                assert sum(row[2] for row in board) > 0
            answered.append(await tenant.admin.get("reporting", "/v1/reports/pipeline"))
    assert quiet >= QUIET_MOMENTS
    await require_same_past(tenant.admin, answered)
    heard = await read_kept(crm, tenant)
    await lose_kept(crm, tenant)
    await crm.run("deals", "republish")
    await crm.drain()
    assert await read_kept(crm, tenant) == heard
    await require_same_past(tenant.admin, answered)


async def test_a_stage_renamed_later_rewrites_no_history(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    stages = await admin.stages()
    pipeline = (await admin.get("deals", "/v1/pipelines"))["items"][0]
    deal = await admin.post("deals", "/v1/deals", {"name": "Blue whale", "amount": "10.00"})
    await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Proposal"]})
    path = f"/v1/pipelines/{pipeline['id']}/stages/{stages['Proposal']}"
    assert (await admin.call("deals", "PATCH", path, json={"name": "Angebot"})).is_success
    await crm.drain()
    assert await admin.timeline(deal["id"]) == ["Deal moved from Qualification to Proposal"]
    history = await admin.get("deals", f"/v1/deals/{deal['id']}/history")
    assert [entry["to_stage"]["name"] for entry in history["items"]] == ["Qualification", "Proposal"]
    assert await admin.report() == {"Angebot": (1, "10.00")} == await admin.board()
    await admin.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages["Negotiation"]})
    await crm.drain()
    assert (await admin.timeline(deal["id"]))[0] == "Deal moved from Angebot to Negotiation"
