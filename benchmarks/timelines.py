"""Timelines, inboxes and lists of activities: the same calls by tenants of 10,000 and of a million activities."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import asyncpg

from benchmarks.arena import Arena, Row, process
from benchmarks.restoring import restoring
from benchmarks.size import sized
from benchmarks.two_sizes import compare, render_get
from crm_activities.activities.timeline_order import TIMELINE
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.http.cursors import encode_cursor
from crm_shared.listing import Key
from crm_testing.people import JOINED_AT, Person, SeededTenant, make_person, seed_people, seed_tenant

SMALL, LARGE = sized((10_000, 1_000_000), tiny=(400, 2_000))
OWNERS, REPORTS = 100, 50
HOT_SHARE = 10
"""One in so many activities is one contact's: 100,000 of a million."""


# One contact for ten activities and one deal for twenty, each an owner's; a company for a hundred contacts.
FILL_RECORDS = """
    INSERT INTO replica_records (tenant_id, aggregate, id, version, name, owner_id, company_id, contact_id, is_deleted)
    SELECT $1::uuid, '{aggregate}', {id}, 1, 'Record ' || n, ($2::uuid[])[1 + (n % cardinality($2::uuid[]))::int],
           {company_id}, NULL, false
      FROM generate_series(0, $3::bigint / {each}) AS n
"""
ID_OF = "md5($1::uuid::text || '{aggregate}' || {number})::uuid"
CONTACT, DEAL, COMPANY = (
    ID_OF.format(aggregate=aggregate, number="{number}") for aggregate in ("contact", "deal", "company")
)
FILL = f"""
    INSERT INTO activities (tenant_id, id, version, type, contact_id, contact_ids, deal_id, user_id, subject, body,
                            scheduled_at, occurred_at, deal_version, system, created_at, updated_at)
    SELECT $1::uuid, gen_random_uuid(), 1, ('{{TASK,CALL,EMAIL,NOTE}}'::text[])[1 + (n % 4)::int],
           contact.id, ARRAY[contact.id], {DEAL.format(number="(n % ($4::bigint / 20 + 1))")},
           ($2::uuid[])[1 + (n * 7 % cardinality($2::uuid[]))::int], 'Subject ' || n, repeat('Word ', 20),
           CASE WHEN n % 4 = 0 THEN $3::timestamptz + n * interval '20 seconds' END,
           $3::timestamptz + n * interval '20 seconds', 0, false,
           $3::timestamptz + n * interval '20 seconds', $3::timestamptz + n * interval '20 seconds'
      FROM generate_series(1, $4::bigint) AS n
     CROSS JOIN LATERAL (SELECT CASE WHEN n % {HOT_SHARE} = 0 THEN {CONTACT.format(number="0")}
                                     ELSE {CONTACT.format(number="(n % ($4::bigint / 10 + 1))")} END AS id) AS contact
"""  # noqa: S608 - texts of ours
LINK = """
    INSERT INTO activity_contacts (tenant_id, contact_id, activity_id, type, occurred_at, deal_version, is_current,
                                   is_deleted)
    SELECT tenant_id, contact_id, id, type, occurred_at, deal_version, true, false FROM activities WHERE tenant_id = $1
"""
INDEXED = ("activities", "activity_contacts")
VACUUMED = (*INDEXED, "replica_records", "directory_users", "visible_owners")


@dataclass(frozen=True, slots=True)
class Team:
    """One tenant's callers, how many activities it has, and the records that are asked for."""

    tenant: SeededTenant
    rows: int
    callers: Mapping[str, Person]
    ids: Mapping[str, UUID]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of call. `at`: where in the timeline the page begins, 0 the first page, 0.5 the middle."""

    caller: str
    path: str
    parameters: Mapping[str, str]
    at: float = 0

    @property
    def what(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.caller}: {self.path}" + (f"?{asked}" if asked else "") + (", deep page" if self.at else "")


HOT, DEAL_PATH, COMPANY_PATH = (f"/v1/timelines/{name}/{{{name}}}" for name in ("contacts", "deals", "companies"))
CASES = [
    *(Case(caller, HOT, {}, at) for caller in ("ADMIN", "MANAGER of 50", "REP") for at in (0, 0.5)),
    Case("ADMIN", HOT, {"type": "CALL"}),
    *(Case(caller, path, {}) for path in (DEAL_PATH, COMPANY_PATH) for caller in ("ADMIN", "MANAGER of 50", "REP")),
    *(Case("REP", "/v1/inbox", parameters) for parameters in ({}, {"section": "upcoming"})),
    *(Case(caller, "/v1/activities", {}) for caller in ("ADMIN", "MANAGER of 50", "REP", "REP who sees nothing")),
]


async def run(arena: Arena, *, rows: int = LARGE) -> list[Row]:
    """Fill two tenants, measure each case against both in turn."""
    database = await Database.open(arena.worker_dsn, max_size=2)
    try:
        began_s = time.perf_counter()
        teams = await fill(arena, database, (SMALL, rows))
        print(f"filled in {time.perf_counter() - began_s:.0f} s")
    finally:
        await database.close()
    with process(arena, "crm_activities.cli", "api") as port:
        return [await _compare(arena, port, case, teams) for case in CASES]


async def fill(arena: Arena, database: Database, sizes: Sequence[int]) -> list[Team]:
    async with restoring(arena, "activities", indexed=INDEXED, triggered="activities", vacuumed=VACUUMED) as loader:
        return [await _fill(database, loader, size) for size in sizes]


async def _fill(database: Database, loader: asyncpg.Connection, size: int) -> Team:
    tenant = await seed_tenant(database)
    many = make_person(tenant.id, "Max Many", Role.MANAGER)
    nobody = make_person(tenant.id, "Nora Nothing", Role.REP)
    owners = [
        make_person(tenant.id, f"Rep {n}", Role.REP, manager=many if n < REPORTS else None) for n in range(OWNERS)
    ]
    await seed_people(database, [many, nobody, *owners])
    owner_ids = [owner.id for owner in owners]
    for aggregate, number, each, company in (
        ("company", COMPANY, 1000, "NULL"),
        ("contact", CONTACT, 10, COMPANY.format(number="(n / 100)")),
        ("deal", DEAL, 20, COMPANY.format(number="(n / 50)")),
    ):
        statement = FILL_RECORDS.format(
            aggregate=aggregate, id=number.format(number="n"), company_id=company, each=each
        )
        await loader.execute(statement, tenant.id, owner_ids, size)
    await loader.execute(FILL, tenant.id, owner_ids, JOINED_AT, size)
    await loader.execute(LINK, tenant.id)
    found = await loader.fetchrow(
        f"SELECT {CONTACT.format(number='0')} AS contacts, {DEAL.format(number='0')} AS deals,"
        f" {COMPANY.format(number='0')} AS companies",
        tenant.id,
    )
    assert found is not None
    callers = {"ADMIN": tenant.admin, "MANAGER of 50": many, "REP": owners[0], "REP who sees nothing": nobody}
    return Team(tenant, size, callers, dict(found))


async def _compare(arena: Arena, port: int, case: Case, teams: Sequence[Team]) -> Row:
    requests = [_render(arena, case, team) for team in teams]
    return await compare(port, case.what, requests, [f"{team.rows:,} activities" for team in teams])


def _render(arena: Arena, case: Case, team: Team) -> bytes:
    person = team.callers[case.caller]
    parameters = dict(case.parameters)
    if case.at:
        value = f"{(JOINED_AT + timedelta(seconds=20 * team.rows * case.at)).isoformat()} 0"
        parameters["cursor"] = encode_cursor(TIMELINE, Key(value, new_id()))
    if case.path == "/v1/inbox":
        parameters["at"] = (JOINED_AT + timedelta(seconds=10 * team.rows)).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)
    path = case.path.format_map({name: str(record_id) for name, record_id in team.ids.items()})
    return render_get(f"{path}?{urlencode(parameters)}", token)
