"""Lists of contacts: the same calls by tenants of 10,000 and of a million, in one database; they should cost alike."""

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
from crm_contacts.contacts.routes import SORTS
from crm_shared.access import Role
from crm_shared.database import Database
from crm_shared.http.cursors import encode_cursor, parse_order
from crm_shared.listing import Key
from crm_testing.people import JOINED_AT, Person, SeededTenant, make_person, seed_people, seed_tenant

SMALL, LARGE = sized((10_000, 1_000_000), tiny=(200, 1_000))
OWNERS, REPORTS, FEW = 200, 50, 5

# 60 first names, 8,000 last names of four syllables, some much commoner than others; every row's value follows from
# its number, so that two runs read the same rows.
FILL = """
    INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone, phone_e164, company_id, source,
                          owner_id, tags, custom_data, external_id, shares, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1,
           ($5::text[])[1 + floor(power(h1, 2) * 60)::int],
           ($6::text[])[1 + floor(power(h2, 2) * 20)::int] || ($6::text[])[1 + floor(h3 * 20)::int]
           || ($6::text[])[1 + floor(h4 * 20)::int],
           'p' || n || '@c' || n / 10 || '.example', '+49' || 1500000000 + n, '+49' || 1500000000 + n, NULL,
           CASE n % 4 WHEN 0 THEN 'INBOUND' WHEN 1 THEN 'OUTBOUND' WHEN 2 THEN 'REFERRAL' END,
           ($2::uuid[])[1 + (n % cardinality($2::uuid[]))::int],
           CASE WHEN h5 < 0.0002 THEN '{rare,newsletter}' WHEN h5 < 0.1 THEN '{vip,newsletter}'
                WHEN h5 < 0.6 THEN '{newsletter}' ELSE '{}' END::text[],
           '{}', 'x' || n, '[]', $3::timestamptz + n * interval '20 seconds',
           $3::timestamptz + (n * 7919 % $4::bigint) * interval '20 seconds'
      FROM generate_series($7::bigint, $8::bigint) AS n
     CROSS JOIN LATERAL (SELECT (hashint8extended(n, 1) & 1048575) / 1048576.0::float8 AS h1,
                                (hashint8extended(n, 2) & 1048575) / 1048576.0::float8 AS h2,
                                (hashint8extended(n, 3) & 1048575) / 1048576.0::float8 AS h3,
                                (hashint8extended(n, 4) & 1048575) / 1048576.0::float8 AS h4,
                                (hashint8extended(n, 5) & 1048575) / 1048576.0::float8 AS h5) AS hashed
"""
SYLLABLES = ["an", "ber", "cor", "da", "el", "fi", "gar", "hol", "is", "jo", "ko", "lin", "mar", "ni", "ob", "per",
             "ro", "sta", "tur", "wen"]  # fmt: skip
FILL_TAGS = """
    INSERT INTO contact_tags (tenant_id, tag, owner_id, created_at, contact_id)
    SELECT c.tenant_id, given.tag, c.owner_id, c.created_at, c.id
      FROM contacts c CROSS JOIN LATERAL unnest(c.tags) AS given (tag)
     WHERE c.tenant_id = $1
"""
VACUUMED = ("contacts", "contact_tags", "directory_users", "visible_owners")


@dataclass(frozen=True, slots=True)
class Team:
    """One tenant's callers, and how many contacts it has."""

    tenant: SeededTenant
    rows: int
    callers: Mapping[str, Person]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of call. `at`: where in the list's order the page begins, 0 the first page, 0.5 the middle."""

    caller: str
    parameters: Mapping[str, str]
    at: float = 0

    @property
    def what(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.parameters.items()) or "no filter"
        return f"{self.caller}: {asked}" + (", deep page" if self.at else "")


ORDERS: tuple[dict[str, str], ...] = ({}, {"sort": "name"}, {"sort": "-updated_at"})
CASES = [
    *(Case(caller, order, at) for caller in ("ADMIN", "MANAGER of 5", "MANAGER of 50", "REP") for order in ORDERS
      for at in (0, 0.5)),
    *(Case(caller, {"tag": tag}) for caller in ("ADMIN", "MANAGER of 5", "MANAGER of 50", "REP")
      for tag in ("newsletter", "vip", "rare")),
    Case("ADMIN", {"tag": "vip"}, 0.5),
    Case("ADMIN", {"tag": "vip", "sort": "name"}),
    *(Case(caller, {"q": q}) for caller in ("ADMIN", "MANAGER of 50", "REP") for q in ("a", "anna", "anna mar", "p77")),
    Case("ADMIN", {"q": "anna mar", "sort": "name"}),
    Case("ADMIN", {"source": "REFERRAL"}),
    Case("ADMIN", {"owner_id": "{rep}"}),
    Case("ADMIN", {"owner_id": "{rep}", "tag": "vip"}),
    *(Case(caller, {"email": "P77@c7.example"}) for caller in ("ADMIN", "MANAGER of 50", "REP")),
    Case("ADMIN", {"phone": "+49 150 0000077"}),
    Case("ADMIN", {"external_id": "x77"}),
]  # fmt: skip


async def run(arena: Arena, *, rows: int = LARGE) -> list[Row]:
    """Fill two tenants, measure each case against both in turn."""
    database = await Database.open(arena.worker_dsn, max_size=2)
    try:
        began_s = time.perf_counter()
        teams = await fill(arena, database, (SMALL, rows))
        print(f"filled in {time.perf_counter() - began_s:.0f} s")
    finally:
        await database.close()
    with process(arena, "crm_contacts.cli", "api") as port:
        return [await _compare(arena, port, case, teams) for case in CASES]


async def fill(arena: Arena, database: Database, sizes: Sequence[int]) -> list[Team]:
    async with restoring(arena, "contacts", indexed=["contacts"], triggered="contacts", vacuumed=VACUUMED) as loader:
        return [await _fill(database, loader, size) for size in sizes]


async def _fill(database: Database, loader: asyncpg.Connection, size: int) -> Team:
    tenant = await seed_tenant(database)
    few = make_person(tenant.id, "Fay Few", Role.MANAGER)
    many = make_person(tenant.id, "Max Many", Role.MANAGER)
    managers = {0: few, 1: many}
    owners = [
        make_person(
            tenant.id, f"Rep {n}", Role.REP, manager=managers[0 if n < FEW else 1] if n < FEW + REPORTS else None
        )
        for n in range(OWNERS)
    ]
    await seed_people(database, [few, many, *owners])
    names = [f"{one}{two}".capitalize() for one in SYLLABLES[:12] for two in ("na", "no", "ra", "ri", "la")]
    await loader.execute(FILL, tenant.id, [owner.id for owner in owners], JOINED_AT, size, names, SYLLABLES, 1, size)
    await loader.execute(FILL_TAGS, tenant.id)
    callers = {"ADMIN": tenant.admin, f"MANAGER of {FEW}": few, f"MANAGER of {REPORTS}": many, "REP": owners[0]}
    return Team(tenant, size, callers)


async def _compare(arena: Arena, port: int, case: Case, teams: Sequence[Team]) -> Row:
    requests = [_render(arena, case, team) for team in teams]
    return await compare(port, f"/v1/contacts, {case.what}", requests, [f"{team.rows:,} contacts" for team in teams])


def _render(arena: Arena, case: Case, team: Team) -> bytes:
    person = team.callers[case.caller]
    parameters = {name: value.format(rep=team.callers["REP"].id) for name, value in case.parameters.items()}
    if case.at:
        order = parse_order(parameters.get("sort"), SORTS, id_column="c.id")
        value = "gar" if "name" in order.name else JOINED_AT + timedelta(seconds=20 * team.rows * case.at)
        parameters["cursor"] = encode_cursor(order, Key(value, UUID(int=0)))
    token = arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)
    return render_get(f"/v1/contacts?{urlencode(parameters)}", token)
