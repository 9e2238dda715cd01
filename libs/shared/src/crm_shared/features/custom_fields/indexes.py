"""Builds and drops the indexes of custom fields, as `index_state` tells.

Only a table's owner may index it, so this alone of the worker connects as the owner, and for nothing else: what the
worker's statements may do stays as small as it was. One process at a time holds the lock; what it finds in pg_index
is held against what is wanted, so that an index which a killed worker left invalid is dropped and built again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from crm_shared.database import Database
from crm_shared.features.custom_fields.domain import CustomField
from crm_shared.features.custom_fields.expressions import (
    INDEX_PREFIX,
    STATISTICS_PREFIX,
    TABLES,
    to_index_ddl,
    to_index_name,
    to_statistics_ddl,
    to_statistics_name,
)
from crm_shared.features.custom_fields.kinds import IndexState
from crm_shared.features.custom_fields.repository import FIELD_COLUMNS, to_field

logger = structlog.get_logger(__name__)

TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('custom field indexes', 0))"

# FAILED is left to the thorough round: what failed a second ago would fail again.
HAS_WORK = """
    SELECT EXISTS (SELECT FROM custom_fields
                    WHERE index_state IN ('BUILDING', 'DROPPING'))
"""

LIST_WANTED = (
    "SELECT"
    + FIELD_COLUMNS
    + """, f.tenant_id, f.indexed AND f.deleted_at IS NULL AS is_wanted
      FROM custom_fields f
     WHERE f.indexed OR f.index_state <> 'NONE'
     ORDER BY f.updated_at, f.tenant_id, f.id
"""
)

LIST_PRESENT = """
    SELECT c.relname, i.indisvalid
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relname ~ ('^' || $1 || '[0-9a-f]{32}$')
"""

LIST_STATISTICS = """
    SELECT s.stxname
      FROM pg_statistic_ext s
      JOIN pg_namespace n ON n.oid = s.stxnamespace
     WHERE n.nspname = current_schema() AND s.stxname ~ ('^' || $1 || '[0-9a-f]{32}$')
"""

# The wish may have changed while an index was built: then the next round sees to it, and the state stays as it is.
SET_STATE = """
    UPDATE custom_fields
       SET index_state = $3
     WHERE tenant_id = $1 AND id = $2 AND (indexed AND deleted_at IS NULL) = $4 AND index_state <> $3
"""


@dataclass(frozen=True, slots=True)
class WantedIndex:
    """A field that has an index or shall have one."""

    tenant_id: UUID
    field: CustomField
    is_wanted: bool


class IndexKeeper:
    """Brings the indexes to what the fields ask for. `database` is the worker role's."""

    def __init__(self, database: Database, owner_dsn: str) -> None:
        self._database = database
        self._owner_dsn = owner_dsn

    async def has_work(self) -> bool:
        """Return whether a field waits for its index to be built or dropped."""
        async with self._database.read_as_worker() as connection:
            return bool(await connection.fetchval(HAS_WORK))

    async def converge(self) -> bool:
        """Build and drop what differs. False when another process is at it."""
        owner = await asyncpg.connect(self._owner_dsn, server_settings={"application_name": "custom field indexes"})
        try:
            await owner.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            if not await owner.fetchval(TRY_LOCK):
                return False
            await self._converge(owner)
            return True
        finally:
            await owner.close(timeout=5)

    async def _converge(self, owner: asyncpg.Connection) -> None:
        present = {row["relname"]: row["indisvalid"] for row in await owner.fetch(LIST_PRESENT, INDEX_PREFIX)}
        wanted_indexes = {
            to_index_name(wanted_index.field.id): wanted_index for wanted_index in await self._list_wanted_indexes()
        }
        for name, is_valid in present.items():
            if not (is_valid and name in wanted_indexes and wanted_indexes[name].is_wanted):
                await owner.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        for name, wanted_index in wanted_indexes.items():
            if not wanted_index.is_wanted:
                await self._set_state(wanted_index, IndexState.NONE)
            elif present.get(name) or await self._build(owner, wanted_index):
                await self._set_state(wanted_index, IndexState.READY)
        await _converge_statistics(
            owner, [wanted_index for wanted_index in wanted_indexes.values() if wanted_index.is_wanted]
        )

    async def _build(self, owner: asyncpg.Connection, wanted_index: WantedIndex) -> bool:
        """Build one index. False when it can't be: the field says FAILED, and a later round tries again."""
        await self._set_state(wanted_index, IndexState.BUILDING)
        try:
            await owner.execute(to_index_ddl(wanted_index.field, wanted_index.tenant_id))
        except asyncpg.PostgresError as error:
            if owner.is_closed():
                raise
            logger.warning("custom_field_index_failed", field_id=str(wanted_index.field.id), error=str(error))
            await self._set_state(wanted_index, IndexState.FAILED)
            return False
        logger.info("custom_field_index_built", field_id=str(wanted_index.field.id))
        return True

    async def _list_wanted_indexes(self) -> list[WantedIndex]:
        async with self._database.read_as_worker() as connection:
            return [_to_wanted_index(dict(row)) for row in await connection.fetch(LIST_WANTED)]

    async def _set_state(self, wanted_index: WantedIndex, state: IndexState) -> None:
        async with self._database.begin_as_worker() as transaction:
            await transaction.execute(
                SET_STATE, wanted_index.tenant_id, wanted_index.field.id, state, wanted_index.is_wanted
            )


async def _converge_statistics(owner: asyncpg.Connection, wanted_indexes: Sequence[WantedIndex]) -> None:
    """Let ANALYZE count the values of indexed fields: the planner would take any value for one in 200."""
    present = {row["stxname"] for row in await owner.fetch(LIST_STATISTICS, STATISTICS_PREFIX)}
    wanted = {to_statistics_name(wanted_index.field): wanted_index for wanted_index in wanted_indexes}
    for name in sorted(present - wanted.keys()):
        await owner.execute(f"DROP STATISTICS IF EXISTS {name}")
    missing = [wanted[name] for name in sorted(wanted.keys() - present)]
    for wanted_index in missing:
        await owner.execute(to_statistics_ddl(wanted_index.field, wanted_index.tenant_id))
    for table in sorted({TABLES[wanted_index.field.entity_type] for wanted_index in missing}):
        await owner.execute(f"ANALYZE {table}")


def _to_wanted_index(row: dict[str, Any]) -> WantedIndex:
    tenant_id, is_wanted = row.pop("tenant_id"), row.pop("is_wanted")
    return WantedIndex(tenant_id, to_field(row), is_wanted)
