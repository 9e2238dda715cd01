"""The copy that a rebuild makes: the projected tables once more, in the schema `rebuild`, and how far it has come.

Its tables are unlogged, so that filling them costs no standby and no backup anything. A crash of PostgreSQL empties all
of them, the run and its positions among them: the copy is begun anew then.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from uuid import UUID

from aiokafka import TopicPartition

from crm_reporting.projected_tables import list_tables
from crm_shared.clock import new_id
from crm_shared.database import Connection, Database, Transaction

SCHEMA: Final = "rebuild"
"""Made by a migration; only the worker's role may look in and make tables there."""

Positions = Mapping[TopicPartition, int]
"""The offset of the next record to read."""

MAKE_STATE: Final = """
    CREATE UNLOGGED TABLE rebuild.run (
        id        uuid PRIMARY KEY,
        tenant_id uuid,
        layout    text NOT NULL
    );
    CREATE UNLOGGED TABLE rebuild.positions (
        topic       text NOT NULL,
        partition   integer NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (topic, partition)
    );
    CREATE UNLOGGED TABLE rebuild.suspects (
        tenant_id uuid NOT NULL,
        record_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, record_id)
    );
    CREATE UNLOGGED TABLE rebuild.refused_records (
        topic         text NOT NULL,
        partition     integer NOT NULL,
        record_offset bigint NOT NULL,
        reason        text NOT NULL,
        PRIMARY KEY (topic, partition, record_offset)
    );
"""
BEGIN_RUN: Final = "INSERT INTO rebuild.run (id, tenant_id, layout) VALUES ($1, $2, $3)"

# Of the indexes those that keep rows apart, or that the projection finds rows by: the others would be kept for nobody.
LIST_INDEXES: Final = """
    SELECT replace(pg_get_indexdef(i.indexrelid), ' ON public.', ' ON rebuild.')
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = ('public.' || $1::text)::regclass AND (i.indisunique OR c.relname = ANY($2::text[]))
"""

# What a copy was begun with and must end with: a migration in between may have given the tables other columns, or a
# release the projection other rules.
READ_LAYOUT: Final = """
    SELECT md5(string_agg(format('%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                                 a.attnotnull, a.attgenerated), ',' ORDER BY c.relname, a.attname))
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY($1::text[])
"""

LIST_DROPS: Final = """
    SELECT format('DROP TABLE rebuild.%I', relname)
      FROM pg_class
     WHERE relnamespace = to_regnamespace('rebuild') AND relkind = 'r'
"""

SAVE_POSITIONS: Final = """
    INSERT INTO rebuild.positions AS p (topic, partition, next_offset)
    SELECT t.topic, t.partition, t.next_offset
      FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS t (topic, partition, next_offset)
     CROSS JOIN rebuild.run r
     WHERE r.id = $1
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
    RETURNING 1
"""
SAVE_SUSPECTS: Final = """
    INSERT INTO rebuild.suspects (tenant_id, record_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[])
    ON CONFLICT DO NOTHING
"""
SAVE_REFUSED: Final = """
    INSERT INTO rebuild.refused_records (topic, partition, record_offset, reason)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""


class RebuildRefused(Exception):
    """The rebuild can't go on as it was asked for; the text says what to do."""


class CopyOutdated(Exception):
    """What was copied so far can't be gone on with; the text says why. It is begun anew."""


class Run(NamedTuple):
    """A copy that is being made: of one tenant, or of all."""

    id: UUID
    tenant_id: UUID | None
    layout: str


class RefusedRecord(NamedTuple):
    """A record that the projection does not take, and why."""

    topic: str
    partition: int
    record_offset: int
    reason: str


class CopyDatabase(Database):
    """The database as the projection's code meets it while it fills the copy: every unqualified table is the copy's.

    What `reached` and `touched` hold is written in each of its transactions: rows, positions and the records (tenant
    and id) that the rows are of are there together or not at all.
    """

    run_id: UUID
    reached: Positions
    touched: Collection[tuple[UUID, UUID]]

    @classmethod
    @asynccontextmanager
    async def filling(cls, dsn: str, run: Run, *, statement_timeout_s: float) -> AsyncIterator["CopyDatabase"]:
        """Open it while in the block."""
        database = await cls.open(dsn, max_size=2, statement_timeout_s=statement_timeout_s, search_path=SCHEMA)
        database.run_id = run.id
        database.reached, database.touched = {}, ()
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def begin_as_worker(self) -> AsyncIterator[Transaction]:
        async with super().begin_as_worker() as transaction:
            yield transaction
            await self._save_positions(transaction)
            if self.touched:
                await transaction.execute(SAVE_SUSPECTS, *map(list, zip(*self.touched, strict=True)))

    async def _save_positions(self, transaction: Transaction) -> None:
        rows = [(partition.topic, partition.partition, offset) for partition, offset in self.reached.items()]
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [(), (), ()]
        if len(await transaction.fetch(SAVE_POSITIONS, self.run_id, *columns)) != len(rows):
            raise RebuildRefused("the copy was begun anew, or abandoned, by another process")


async def find_run(connection: Connection) -> Run | None:
    """Return the run whose copy is half made. Raises RebuildRefused where the schema is not there yet."""
    if not await connection.fetchval("SELECT has_schema_privilege(to_regnamespace('rebuild'), 'CREATE')"):
        raise RebuildRefused("there is no room for the copy yet: run `crm-reporting migrate` first")
    if await connection.fetchval("SELECT to_regclass('rebuild.run')") is None:
        return None
    row = await connection.fetchrow("SELECT id, tenant_id, layout FROM rebuild.run")
    return None if row is None else Run(**row)


async def begin_run(transaction: Transaction, tenant_id: UUID | None) -> Run:
    """Make an empty copy, in place of any that is there."""
    await drop_copy(transaction)
    run = Run(new_id(), tenant_id, await read_layout(transaction))
    for table in list_tables():
        await transaction.execute(
            f"CREATE UNLOGGED TABLE rebuild.{table.name} (LIKE public.{table.name} INCLUDING DEFAULTS"
            " INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)"
        )
        for (index,) in await transaction.fetch(LIST_INDEXES, table.name, list(table.lookups)):
            await transaction.execute(index)
    await transaction.execute(MAKE_STATE)
    await transaction.execute(BEGIN_RUN, *run)
    return run


async def read_layout(connection: Connection) -> str:
    """Say which columns the live tables have, and which release's rules fill them."""
    columns = await connection.fetchval(READ_LAYOUT, [table.name for table in list_tables()])
    return f"{version('crm-reporting')} {columns}"


async def drop_copy(transaction: Transaction) -> bool:
    """Drop all there is of a copy. Returns whether there was anything."""
    drops = await transaction.fetch(LIST_DROPS)
    for (drop,) in drops:
        await transaction.execute(drop)
    return bool(drops)


async def read_positions(connection: Connection) -> dict[TopicPartition, int]:
    rows = await connection.fetch("SELECT topic, partition, next_offset FROM rebuild.positions")
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def save_refused(transaction: Transaction, refused: RefusedRecord) -> None:
    """Remember a record that the copy is without."""
    await transaction.execute(SAVE_REFUSED, *refused)


async def list_refused(connection: Connection) -> list[RefusedRecord]:
    """Return what the copy is without, in the topics' order."""
    rows = await connection.fetch(
        "SELECT topic, partition, record_offset, reason FROM rebuild.refused_records ORDER BY 1, 2, 3"
    )
    return [RefusedRecord(**row) for row in rows]
