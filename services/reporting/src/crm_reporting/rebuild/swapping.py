"""Puts the copy in the live tables' place: in one transaction, row by row, and only the rows that differ.

Reports go on meanwhile: they see all of it or none. Writers wait, as the tables that each of their transactions begins
with are locked; nobody who reads is. Moving tables would be quicker where all differs, and wrong for a report that has
begun: it would go on in tables whose rows its snapshot does not see.

Large tables are compared before the writers wait. A row that is the same on both sides then differs later only by an
event that the copy has yet to read. The records of those are noted too: under the locks only these are looked at.
Without them a sum could count an event that its deal's row, left as it was, has yet to hear of, and count it twice.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from crm_reporting.projected_tables import ProjectedTable, list_gates, list_tables
from crm_shared.database import Connection, Database, Transaction

HOLD: Final = f"LOCK TABLE {', '.join(f'public.{gate}' for gate in list_gates())} IN SHARE ROW EXCLUSIVE MODE"
# A batch of a worker takes tens of milliseconds. At first we give way before PostgreSQL looks for a deadlock (1 s), and
# so before it could choose a worker to end.
HOLD_TIMEOUTS_MS: Final = (700, 700, 700, 5_000, 30_000)
PAUSE_S: Final = 0.3

# The locks go with the process that wanted them, also where it was killed within a statement or its machine is gone.
SESSION: Final = """
    SET LOCAL lock_timeout = 0;
    SET LOCAL jit = off;
    SET LOCAL work_mem = '64MB';
    SET LOCAL client_connection_check_interval = '2s';
    SET LOCAL tcp_keepalives_idle = 5;
    SET LOCAL tcp_keepalives_interval = 2;
    SET LOCAL tcp_keepalives_count = 5;
    SET LOCAL idle_in_transaction_session_timeout = '5min'
"""

# Whole tables are hashed, whatever the statistics say of those that were filled a moment ago; a suspect's rows are few.
READ_WHOLE: Final = "SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'"
READ_SUSPECTS: Final = "SET LOCAL enable_nestloop = on"

IS_SUSPECT: Final = " AND ({side}.tenant_id, {side}.{id}) IN (SELECT tenant_id, record_id FROM rebuild.suspects)"

# A table's rows that stand on one side alone: live `l`, copied `c`; $1 is the tenant or null.
LIVE_BUT_NOT_COPIED: Final = (
    "public.{table} l WHERE {whose} AND NOT EXISTS (SELECT FROM rebuild.{table} c WHERE {same})"
)
COPIED_BUT_NOT_LIVE: Final = (
    "rebuild.{table} c WHERE NOT EXISTS (SELECT FROM public.{table} l WHERE {whose} AND {same})"
)
IS_UNKNOWN: Final = "NOT EXISTS (SELECT FROM rebuild.{table} c WHERE {known})"
NOTE_SUSPECTS: Final = """
    INSERT INTO rebuild.suspects (tenant_id, record_id)
    SELECT l.tenant_id, l.{id} FROM {live}
     UNION
    SELECT c.tenant_id, c.{id} FROM {copied}
    ON CONFLICT DO NOTHING
"""
REMOVE: Final = """
    WITH removed AS (DELETE FROM {rows} RETURNING l.*)
    SELECT count(*) AS count, count(*) FILTER (WHERE {is_lost}) AS lost FROM removed l
"""
ADD: Final = "INSERT INTO public.{table} ({names}) SELECT {names} FROM {rows}"

LIST_COLUMNS: Final = """
    SELECT attname::text
      FROM pg_attribute
     WHERE attrelid = ('public.' || $1::text)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
     ORDER BY attnum
"""

# A source may have told last of what its topic has dropped since.
KEEP_PROGRESS: Final = """
    INSERT INTO rebuild.source_progress AS p (tenant_id, topic, last_event_at)
    SELECT l.tenant_id, l.topic, l.last_event_at
      FROM public.source_progress l
     WHERE $1::uuid IS NULL OR l.tenant_id = $1
    ON CONFLICT (tenant_id, topic) DO UPDATE
       SET last_event_at = excluded.last_event_at
     WHERE p.last_event_at < excluded.last_event_at
"""


class Sides(NamedTuple):
    """What a table holds on one side alone, as the rest of a statement behind FROM; $1 is the tenant or null."""

    columns: Sequence[str]
    live_but_not_copied: str
    copied_but_not_live: str


class TableChange(NamedTuple):
    """What a table's rows were found to be. `lost`: rows that are newer than all that the topics tell of them."""

    table: str
    removed: int
    added: int
    lost: int


@asynccontextmanager
async def holding_writers(live: Database, say: Callable[[str], None]) -> AsyncIterator[Transaction]:
    """Lend a transaction while which no consumer writes; committed at the end of the block."""
    async with _hold(live, say) as transaction:
        await transaction.execute(SESSION)
        yield transaction


@asynccontextmanager
async def _hold(live: Database, say: Callable[[str], None]) -> AsyncIterator[Transaction]:
    for timeout_ms in chain(HOLD_TIMEOUTS_MS, repeat(HOLD_TIMEOUTS_MS[-1])):
        transaction = await live.open_transaction(None)
        try:
            await transaction.execute(f"SET LOCAL lock_timeout = {timeout_ms}")
            await transaction.execute(HOLD)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await transaction.rollback()
            say("other work holds the tables; trying again")
            await asyncio.sleep(PAUSE_S)
            continue
        except BaseException:
            await transaction.rollback()
            raise
        break
    try:
        yield transaction
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.commit()


async def replace_rows(transaction: Transaction, tenant_id: UUID | None) -> list[TableChange]:
    """Make every live table what the copy is, of one tenant or of all. Returns what was changed, table by table."""
    await transaction.execute(KEEP_PROGRESS, tenant_id)
    return [await _replace_rows(transaction, table, tenant_id) for table in list_tables()]


async def find_suspects(live: Database, tenant_id: UUID | None) -> int:
    """Note the records whose rows differ, while everybody goes on. Returns how many there are."""
    async with live.begin_as_worker() as transaction:
        await transaction.execute("TRUNCATE rebuild.suspects")
    for table in list_tables():
        if table.record is not None:
            async with live.begin_as_worker() as transaction:
                sides = await _sides_of(transaction, table, tenant_id)
                await transaction.execute(READ_WHOLE)
                await transaction.execute(
                    NOTE_SUSPECTS.format(
                        id=table.record, live=sides.live_but_not_copied, copied=sides.copied_but_not_live
                    ),
                    tenant_id,
                )
    async with live.begin_as_worker() as transaction:
        count: int = await transaction.fetchval("SELECT count(*) FROM rebuild.suspects")
    return count


async def _replace_rows(transaction: Transaction, table: ProjectedTable, tenant_id: UUID | None) -> TableChange:
    """Replace what differs: of the suspects where rows are of a record, else of all."""
    sides = await _sides_of(transaction, table, tenant_id)
    await transaction.execute(READ_WHOLE if table.record is None else READ_SUSPECTS)
    names = ", ".join(sides.columns)
    live, copied = ("" if table.record is None else IS_SUSPECT.format(side=side, id=table.record) for side in "lc")
    [removed] = await transaction.fetch(
        REMOVE.format(rows=sides.live_but_not_copied + live, is_lost=_is_lost(table, sides.columns)), tenant_id
    )
    added = await transaction.execute(
        ADD.format(table=table.name, names=names, rows=sides.copied_but_not_live + copied), tenant_id
    )
    return TableChange(table.name, removed["count"], int(added.rpartition(" ")[2]), removed["lost"])


async def _sides_of(transaction: Transaction, table: ProjectedTable, tenant_id: UUID | None) -> Sides:
    columns = [row["attname"] for row in await transaction.fetch(LIST_COLUMNS, table.name)]
    same = _match(table, columns)
    whose = "$1::uuid IS NULL" if tenant_id is None else "l.tenant_id = $1"
    return Sides(
        columns,
        LIVE_BUT_NOT_COPIED.format(table=table.name, whose=whose, same=same),
        COPIED_BUT_NOT_LIVE.format(table=table.name, whose=whose, same=same),
    )


def _match(table: ProjectedTable, columns: Sequence[str]) -> str:
    """Write when a live row `l` and a copied one `c` are the same; what they are joined by is never null."""
    live, copied = (f"ROW({', '.join(f'{side}.{name}' for name in columns)})" for side in "lc")
    joined = (
        " AND ".join(f"l.{name} = c.{name}" for name in table.key)
        or f"hash_record_extended({live}, 0) = hash_record_extended({copied}, 0)"
    )
    return f"{joined} AND {live} IS NOT DISTINCT FROM {copied}"


def _is_lost(table: ProjectedTable, columns: Sequence[str]) -> str:
    """Write when a removed row `l` tells of more than the copy does: a record of which it knows nothing, or older."""
    if not table.is_republished:
        return "false"
    known = [f"c.{name} = l.{name}" for name in table.key]
    if "version" in columns and "version" not in table.key:
        known.append("c.version >= l.version")
    return IS_UNKNOWN.format(table=table.name, known=" AND ".join(known))


async def analyze_copy(connection: Connection) -> None:
    """Have PostgreSQL know what the copy's tables hold, before they are compared."""
    for table in list_tables():
        await connection.execute(f"ANALYZE rebuild.{table.name}")


async def analyze_suspects(connection: Connection) -> None:
    """Do the same for the records that were noted."""
    await connection.execute("ANALYZE rebuild.suspects")
