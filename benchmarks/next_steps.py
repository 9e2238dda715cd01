"""Deals by their next step: the same calls by tenants of 10,000 and of a million deals."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.restoring import restoring
from benchmarks.size import sized
from benchmarks.two_sizes import compare, render_get
from crm_shared.access import Role
from crm_shared.database import Database
from crm_testing.people import JOINED_AT, Person, SeededTenant, make_person, seed_people, seed_tenant

SMALL, LARGE = sized((10_000, 1_000_000), tiny=(100, 1_000))
OWNERS, REPORTS = 200, 50

# A third of the open deals has no next step, a third is overdue, and a third is planned: one in ten without a date,
# and a few of those with one have come due and are not marked yet.
FILL = """
    INSERT INTO deals (tenant_id, id, version, name, owner_id, pipeline_id, stage_id, currency, status,
                       stage_changed_at, custom_data, created_at, updated_at, next_activity_id, next_step, next_due_at)
    SELECT $1, gen_random_uuid(), 1, 'Deal ' || n, ($2::uuid[])[1 + (n * 7 % cardinality($2::uuid[]))::int], $3, $4,
           'EUR', 'OPEN', at.moment, '{}', at.moment, at.moment,
           CASE WHEN n % 3 > 0 THEN gen_random_uuid() END,
           (ARRAY['NONE', 'OVERDUE', 'PLANNED'])[1 + (n % 3)::int],
           CASE WHEN n % 3 = 1 THEN now() - n * interval '1 minute'
                WHEN n % 3 = 2 AND n % 10 > 0 THEN now() + n * interval '1 minute' END
      FROM generate_series(1, $6::bigint) AS n
     CROSS JOIN LATERAL (SELECT $5::timestamptz + n * interval '20 seconds' AS moment) AS at
"""
VACUUMED = ("deals", "directory_users", "visible_owners")
STEPS = ("none", "overdue", "planned")


@dataclass(frozen=True, slots=True)
class Team:
    """One tenant's callers, and how many deals it has."""

    tenant: SeededTenant
    rows: int
    callers: Mapping[str, Person]


async def run(arena: Arena, *, rows: int = LARGE) -> list[Row]:
    """Fill two tenants, measure each list against both in turn."""
    with process(arena, "crm_deals.cli", "api") as port:
        teams = await _fill_both(arena, port, (SMALL, rows))
        return [
            await compare(
                port,
                f"{caller}: {path}",
                [render_get(path, _sign(arena, team.callers[caller])) for team in teams],
                [f"{team.rows:,} deals" for team in teams],
            )
            for caller in teams[0].callers
            for path in ("/v1/deals", *(f"/v1/deals?next_step={step}" for step in STEPS))
        ]


async def _fill_both(arena: Arena, port: int, sizes: Sequence[int]) -> list[Team]:
    began_s = time.perf_counter()
    async with (
        Database.opened(arena.worker_dsn, max_size=2) as database,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
        restoring(arena, "deals", indexed=["deals"], triggered="deals", vacuumed=VACUUMED) as loader,
    ):
        teams = [await _fill(arena, database, client, loader, size) for size in sizes]
    print(f"filled in {time.perf_counter() - began_s:.0f} s")
    return teams


async def _fill(
    arena: Arena, database: Database, client: httpx.AsyncClient, loader: asyncpg.Connection, size: int
) -> Team:
    tenant = await seed_tenant(database)
    many = make_person(tenant.id, "Max Many", Role.MANAGER)
    owners = [
        make_person(tenant.id, f"Rep {n}", Role.REP, manager=many if n < REPORTS else None) for n in range(OWNERS)
    ]
    await seed_people(database, [many, *owners])
    answer = await client.get("/v1/pipelines", headers={"Authorization": f"Bearer {_sign(arena, tenant.admin)}"})
    pipeline = answer.raise_for_status().json()["items"][0]
    places = UUID(pipeline["id"]), UUID(pipeline["stages"][0]["id"])
    await loader.execute(FILL, tenant.id, [owner.id for owner in owners], *places, JOINED_AT, size)
    return Team(tenant, size, {"ADMIN": tenant.admin, f"MANAGER of {REPORTS}": many, "REP": owners[0]})


def _sign(arena: Arena, person: Person) -> str:
    return arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)
