"""Waits until the index has what a caller has just written: `?after=<Crm-Position>`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from crm_search.records import CHILDREN, FIRST_ID
from crm_search.store import DocumentStore
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Database, Where
from crm_shared.http.positions import Position, from_token
from crm_shared.refusals import InvalidField

FIRST_PAUSE_S: Final = 0.02
LAST_PAUSE_S: Final = 0.2
"""Pauses between looks double up to here: what takes longer than a moment is not hurried by asking."""

SHOWING: Final = 500
"""Other documents that are looked for. Where more show the records, a refresh is awaited besides."""

REFRESHES: Final = 1.5
"""A refresh begins within its interval, and then takes a while."""

MAX_POSITIONS: Final = 50
"""Of all tokens together: each is looked for again and again. A batch's token has one for each partition of a topic."""

AWAITED: Final = frozenset({"contact", "company", "deal", "activity", "pipeline", "user", "tenant"})
"""What search keeps. A write of anything else can't be seen here, so there is nothing to wait for."""

# A record counts as arrived once it is as new as asked, its own document is indexed, and so is each one that shows it.
# One out of the caller's sight never arrives: anybody can write a position, and the answer would tell of the record.
FIND_MISSING: Final = """
    WITH wanted AS (
        SELECT * FROM unnest($2::text[], $3::uuid[], $4::bigint[]) AS w (type, id, version)
    ), dirty AS MATERIALIZED (
        SELECT id, contact_id, company_id, deal_id, pipeline_id,
               (SELECT d.contact_id FROM search_records d
                 WHERE d.tenant_id = $1 AND d.type = 'deal' AND d.id = r.deal_id) AS deal_contact_id
          FROM search_records r
         WHERE tenant_id = $1 AND indexed_revision < revision
         ORDER BY type, id  -- the partial index's order: see records.LIST_DIRTY
         LIMIT 10000
    ), held AS (
        SELECT r.type, r.id, r.version, (coalesce(r.state ->> 'user_id', r.state ->> 'owner_id'))::uuid AS owner_id,
               (c.face ->> 'owner_id')::uuid AS contact_owner_id, (d.face ->> 'owner_id')::uuid AS deal_owner_id,
               CASE r.type WHEN 'contact' THEN r.id ELSE named.contact_id END AS contact_id,
               d.contact_id AS deal_contact_id
          FROM wanted w
          JOIN search_records r ON r.tenant_id = $1 AND r.type = w.type AND r.id = w.id
         CROSS JOIN LATERAL (  -- a row for each contact: an activity is seen by whom one of them, or its deal, is seen
               SELECT r.contact_id
                UNION ALL
               SELECT l.contact_id FROM activity_contacts l
                WHERE r.type = 'activity' AND l.tenant_id = $1 AND l.activity_id = r.id) AS named
          LEFT JOIN search_records c
            ON r.type = 'activity' AND c.tenant_id = $1 AND c.type = 'contact' AND c.id = named.contact_id
           AND NOT c.is_hidden
          LEFT JOIN search_records d
            ON r.type = 'activity' AND d.tenant_id = $1 AND d.type = 'deal' AND d.id = r.deal_id AND NOT d.is_hidden
         WHERE r.indexed_revision >= r.revision AND r.spread_after IS NULL
           AND NOT EXISTS (SELECT FROM dirty d
                            WHERE r.id IN (d.contact_id, d.company_id, d.deal_id, d.pipeline_id, d.deal_contact_id))
           AND NOT EXISTS (SELECT FROM dirty d
                             JOIN activity_contacts l ON l.tenant_id = $1 AND l.activity_id = d.id
                            WHERE l.contact_id = r.id)
    ), known AS (
        SELECT type, id, version FROM held WHERE type = 'pipeline' OR {in_sight}
        UNION ALL
        SELECT 'user', id, version FROM directory_users
         WHERE tenant_id = $1 AND id IN (SELECT id FROM wanted WHERE type = 'user')
        UNION ALL
        SELECT 'tenant', tenant_id, version FROM directory_tenants
         WHERE tenant_id = $1 AND tenant_id IN (SELECT id FROM wanted WHERE type = 'tenant')
    )
    SELECT EXISTS (
        SELECT FROM wanted w
         WHERE NOT EXISTS (SELECT FROM known k WHERE k.type = w.type AND k.id = w.id AND k.version >= w.version)
    )
"""


# The last first: a bulk goes in the order of ids, so what of it the index shows last.
LIST_SHOWING: Final = (
    """
    SELECT DISTINCT c.type, c.id
      FROM (SELECT $1::uuid AS tenant_id, w.type, w.id, $4::uuid AS spread_after
              FROM unnest($2::text[], $3::uuid[]) AS w (type, id)) AS p
     CROSS JOIN LATERAL ("""  # noqa: S608 - texts of ours
    + CHILDREN.format(order="DESC", limit="$5")
    + """
           ) AS c
     LIMIT $5
"""
)

# What the index has refused never comes to be shown, and a pipeline has no document.
LIST_AWAITED: Final = """
    SELECT r.tenant_id || ':' || r.type || ':' || r.id AS key, r.indexed_revision AS revision, r.is_hidden
      FROM unnest($2::text[], $3::uuid[]) AS w (type, id)
      JOIN search_records r ON r.tenant_id = $1 AND r.type = w.type AND r.id = w.id
     WHERE r.rejection IS NULL AND r.type <> 'pipeline'
"""


def parse_positions(tokens: Sequence[str]) -> list[Position]:
    """Read the tokens, leaving out what search doesn't hold. Raises InvalidField naming `?after`."""
    positions = list(dict.fromkeys(position for token in tokens for position in from_token(token)))
    if len(positions) > MAX_POSITIONS:
        raise InvalidField.at("?after", f"names more than {MAX_POSITIONS} records")
    return [position for position in positions if position.aggregate in AWAITED]


async def wait_for(
    positions: Sequence[Position],
    caller: Caller,
    database: Database,
    store: DocumentStore,
    *,
    wait_s: float,
    refresh_s: float,
) -> bool:
    """Return True once the index has them all, visible to the next search; False when `wait_s` has passed.

    `refresh_s`: how often the index shows what was written. Nobody hurries it, as all tenants share it.
    """

    async def has_arrived() -> bool:
        return not await _is_missing(positions, caller, database)

    async def is_shown() -> bool:
        rows = await _list_awaited(awaited, caller, database)
        # Each as it was when first looked at: what is written again and again is never shown as it is now.
        first = {row["key"]: revisions.setdefault(row["key"], row["revision"]) for row in rows}
        shown = await store.find_versions(caller.tenant_id, first)
        return all(_is_shown(shown.get(row["key"]), first[row["key"]], is_hidden=row["is_hidden"]) for row in rows)

    revisions: dict[str, int] = {}
    try:
        async with asyncio.timeout(wait_s):
            await _poll(has_arrived)
            showing = await _list_showing(positions, caller, database)
            if len(showing) >= SHOWING:
                await asyncio.sleep(REFRESHES * refresh_s)  # more show them than are asked after
            awaited = [*((position.aggregate, position.aggregate_id) for position in positions), *showing]
            await _poll(is_shown)
    except TimeoutError:
        return False
    return True


def _is_shown(version: int | None, revision: int, *, is_hidden: bool) -> bool:
    """Return whether searches see a document, of which they see `version`, as it was at `revision` or later.

    What is hidden is a tombstone for a day, and then nothing.
    """
    if version is None:
        return is_hidden
    return version >= revision


async def _poll(claim: Callable[[], Awaitable[bool]]) -> None:
    pause_s = FIRST_PAUSE_S
    while not await claim():
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LAST_PAUSE_S)


async def _list_showing(positions: Sequence[Position], caller: Caller, database: Database) -> list[tuple[str, UUID]]:
    """List by type and id up to SHOWING records whose documents show one of these."""
    async with database.read(caller.tenant_id) as connection:
        rows = await connection.fetch(
            LIST_SHOWING,
            caller.tenant_id,
            [position.aggregate for position in positions],
            [position.aggregate_id for position in positions],
            FIRST_ID,
            SHOWING,
        )
    return [(row["type"], row["id"]) for row in rows]


async def _list_awaited(
    awaited: Sequence[tuple[str, UUID]], caller: Caller, database: Database
) -> Sequence[Mapping[str, Any]]:
    """List the documents of what has arrived: key, the revision that was written, and whether it is to be gone."""
    async with database.read(caller.tenant_id) as connection:
        return await connection.fetch(
            LIST_AWAITED, caller.tenant_id, [type_ for type_, _ in awaited], [id_ for _, id_ in awaited]
        )


async def _is_missing(positions: Sequence[Position], caller: Caller, database: Database) -> bool:
    where = Where(
        caller.tenant_id,
        [position.aggregate for position in positions],
        [position.aggregate_id for position in positions],
        [position.version for position in positions],
    )
    # With shares, whatever was known of the caller when the wait began: the share may be what is waited for.
    add_visible(
        where,
        replace(caller, has_shares=True),
        *("held.owner_id", "held.contact_owner_id", "held.deal_owner_id"),
        contact_id="held.contact_id, held.deal_contact_id",
    )
    statement = FIND_MISSING.replace("{in_sight}", where.sql)
    async with database.read(caller.tenant_id) as connection:
        return bool(await connection.fetchval(statement, *where.parameters))
