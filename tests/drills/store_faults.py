"""What may befall stores: no room, a slot that nobody reads, an index that takes nothing, a table that is held."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from drills.site import Site

SMALLEST_BYTES: Final = 4096
SLOT: Final = "forgotten"
KEPT_BYTES: Final = 1024**3 + 64 * 1024**2
"""More than the alert bears."""
# What only the log has: rows would have to be written to tables as well.
WRITE_LOG: Final = """
    SELECT count(pg_logical_emit_message(false, 'drill', repeat('x', 1024 * 1024))) FROM generate_series(1, 32)
"""
READ_KEPT: Final = """
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 FROM pg_replication_slots WHERE slot_name = $1
"""


class CannotBeDone(Exception):
    """This machine or account can't inject the fault. The message says what it takes."""


@asynccontextmanager
async def _administering(site: Site, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(site.crm.plan.postgres.admin_dsn, database=database)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@asynccontextmanager
async def hold_table(site: Site) -> AsyncIterator[None]:
    """Hold what the handler of reporting's deals writes: it waits for good. Readers pass."""
    async with _administering(site, "crm_reporting") as connection, connection.transaction():
        await connection.execute("LOCK TABLE deal_facts IN EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def fill_disk(site: Site) -> AsyncIterator[None]:
    """Take every byte that is left of PostgreSQL's disk. Raises CannotBeDone."""
    if site.disk is None:
        raise CannotBeDone("only root may give PostgreSQL a disk of its own")
    filler = site.disk / "filler"
    try:
        _fill(filler)
        yield
    finally:
        filler.unlink(missing_ok=True)
    await site.crm.wait_ready()


def _fill(filler: Path) -> None:
    """Take what is left in ever smaller pieces: the file system keeps a little for its own tables."""
    with filler.open("wb") as file:
        piece = os.statvfs(filler.parent).f_bavail * os.statvfs(filler.parent).f_frsize
        while piece >= SMALLEST_BYTES:
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
            except OSError:
                piece //= 2


@asynccontextmanager
async def forget_slot(site: Site) -> AsyncIterator[None]:
    """Make a slot that nobody reads, and write to the log until it keeps more than may be."""
    async with _administering(site) as connection:
        await connection.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)
        try:
            while await connection.fetchval(READ_KEPT, SLOT) < KEPT_BYTES:
                await connection.execute(WRITE_LOG)
            yield
        finally:
            await connection.execute("SELECT pg_drop_replication_slot($1)", SLOT)
            await connection.execute("CHECKPOINT")


@asynccontextmanager
async def make_index_read_only(site: Site) -> AsyncIterator[None]:
    """Do to every index what Elasticsearch does by itself when its disk is full."""
    async with httpx.AsyncClient(base_url=site.crm.plan.elasticsearch.url, timeout=30) as client:

        async def block(*, blocked: bool | None) -> None:
            body = {"index.blocks.read_only_allow_delete": blocked}
            (await client.put("/_all/_settings", json=body)).raise_for_status()

        await block(blocked=True)
        try:
            yield
        finally:
            await block(blocked=None)
