"""The worker's task: takes one waiting import after another and carries it out, chunk by chunk.

An import goes on where its last committed chunk ended, whoever had begun it: how far it is stands in the same
transaction as what it wrote.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from crm_contacts.imports import domain, repository
from crm_contacts.imports.backlog import wait_for_relay
from crm_contacts.imports.domain import Import, ImportNotFound, ImportStatus
from crm_contacts.imports.housekeeping import tidy
from crm_contacts.imports.preparing import PreparedChunk
from crm_contacts.imports.references import Found, Wanted, find_references
from crm_contacts.imports.reverting import revert_all
from crm_contacts.imports.side_process import PreparingDied, PreparingFailed, SideProcess, preparing_beside
from crm_contacts.imports.writing import DefinitionsChanged, WrittenChunk, write_chunk
from crm_contacts.settings import ContactsSettings
from crm_shared.access import Caller
from crm_shared.access.directory import Directory
from crm_shared.background import background, repeat
from crm_shared.clock import Clock, SystemClock
from crm_shared.custom_fields import EntityType
from crm_shared.database import Database, Transaction
from crm_shared.database.outages import is_away, is_contended
from crm_shared.refusals import Unavailable

logger = structlog.get_logger(__name__)

LIST_WAITING: Final = """
    SELECT i.tenant_id, i.id FROM imports i
     WHERE i.status IN ('QUEUED', 'RUNNING', 'REVERTING')
     ORDER BY i.created_at, i.id
     LIMIT 100
"""
LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended('import ' || $1::uuid, 0))"
UNLOCK: Final = "SELECT pg_advisory_unlock(hashtextextended('import ' || $1::uuid, 0))"

TIDY_S: Final = 3600.0
CHUNK_ATTEMPTS: Final = 5
DEATHS: Final = 3
"""How often an import's side process may die before the file is taken for what kills it."""


class Superseded(Exception):
    """The import is no longer this task's: cancelled, or taken over."""


class ImporterGone(Exception):
    """The user whose rights the import has is not active any more."""


PROBLEMS: Final[Mapping[type[Exception], str]] = {
    ImporterGone: "The user who began it is not active any more.",
    PreparingDied: "Reading the file has failed several times.",
    PreparingFailed: "The file could not be read. The reason was logged.",
}
UNKNOWN_PROBLEM: Final = "Something went wrong on our side. It was logged."


def is_passing(error: Exception) -> bool:
    """Tell whether the same again may succeed: the database is away, or others are in the way."""
    return is_away(error) or is_contended(error) or isinstance(error, Unavailable)


@dataclass(frozen=True, slots=True)
class ImportRunner:
    """Carries out what waits. `run` never ends by itself; `run_waiting` ends when nothing waits."""

    settings: ContactsSettings
    database: Database
    clock: Clock

    async def run(self) -> None:
        async def carry_out() -> bool:
            return await self.run_waiting() > 0

        await repeat("imports", carry_out, pause_s=self.settings.import_poll_s, world_errors=(Unavailable,))

    async def run_waiting(self) -> int:
        """Carry out each import that no other worker is at; give how many."""
        async with self.database.read_as_worker() as connection:
            waiting = await connection.fetch(LIST_WAITING)
        count = 0
        for row in waiting:
            async with self._claim(row["id"]) as is_ours:
                if is_ours:
                    await self._carry_out(row["tenant_id"], row["id"])
                    count += 1
        return count

    @asynccontextmanager
    async def _claim(self, import_id: UUID) -> AsyncIterator[bool]:
        """Hold the import's lock in a session of its own: if this process dies, so does the lock."""
        async with self.database.read_as_worker() as connection:
            is_ours = await connection.fetchval(LOCK, import_id)
            try:
                yield bool(is_ours)
            finally:
                if is_ours:
                    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                        await connection.execute(UNLOCK, import_id)

    async def _carry_out(self, tenant_id: UUID, import_id: UUID) -> None:
        deaths = 0
        while True:
            try:
                job = await self._start(tenant_id, import_id)
                if job.status is ImportStatus.REVERTING:
                    await revert_all(job, self.database, self.clock)
                else:
                    await self._import(job)
            except (Superseded, ImportNotFound):
                return
            except DefinitionsChanged:
                continue
            except Exception as error:
                if is_passing(error):
                    raise  # it goes on where it is, once the database is back
                deaths += isinstance(error, PreparingDied)
                logger.exception("import_failed", import_id=str(import_id), deaths=deaths)
                if 0 < deaths < DEATHS:
                    continue
                problem = next((told for kind, told in PROBLEMS.items() if isinstance(error, kind)), UNKNOWN_PROBLEM)
                await self._fail(tenant_id, import_id, problem)
            return

    async def _start(self, tenant_id: UUID, import_id: UUID) -> Import:
        async with self.database.begin(tenant_id) as transaction:
            job = await repository.load_for_update(transaction, tenant_id, import_id)
            if job.status is ImportStatus.QUEUED:
                job = domain.start(job, now=self.clock.now())
                await repository.save(transaction, job)
            elif job.status not in {ImportStatus.RUNNING, ImportStatus.REVERTING}:
                raise Superseded
        return job

    async def _fail(self, tenant_id: UUID, import_id: UUID, problem: str) -> None:
        async with self.database.begin(tenant_id) as transaction:
            job = await repository.load_for_update(transaction, tenant_id, import_id)
            if job.status is ImportStatus.RUNNING:
                await repository.save(transaction, domain.fail(job, problem, now=self.clock.now()))
                await repository.delete_pieces(transaction, tenant_id, import_id)

    async def _import(self, job: Import) -> None:
        """Write chunk by chunk, the next one being prepared meanwhile."""
        async with preparing_beside(job, chunk_rows=self.settings.import_chunk_rows) as side:
            prepared: asyncio.Queue[PreparedChunk | BaseException | None] = asyncio.Queue(maxsize=1)
            feeding = asyncio.create_task(self._feed(job, side, prepared))
            try:
                while (chunk := await prepared.get()) is not None:
                    if isinstance(chunk, BaseException):
                        raise chunk
                    await wait_for_relay(self.database, self.settings.import_outbox_rows)
                    job = await self._write(job, chunk)
            finally:
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding
        await self._complete(job)

    async def _feed(
        self, job: Import, side: SideProcess, prepared: "asyncio.Queue[PreparedChunk | BaseException | None]"
    ) -> None:
        number = -1

        async def next_piece() -> bytes:
            nonlocal number
            number += 1
            async with self.database.read(job.tenant_id) as connection:
                return await repository.load_piece(connection, job.tenant_id, job.id, number)

        async def find(wanted: Wanted) -> Found:
            caller = await self._find_caller(job)
            return await find_references(
                self.database, caller, wanted, entity_type=EntityType(job.entity_type), now=self.clock.now()
            )

        try:
            async with aclosing(side.chunks(next_piece, find)) as chunks:
                async for chunk in chunks:
                    await prepared.put(chunk)
            await prepared.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the chunks are written
            await prepared.put(error)

    async def _find_caller(self, job: Import) -> Caller:
        caller, _ = await Directory(self.database, cache_s=0).find_caller(job.tenant_id, job.created_by, "")
        if caller is None:
            raise ImporterGone
        return caller

    async def _write(self, job: Import, chunk: PreparedChunk) -> Import:
        """Write one chunk and how far the import is. Again, when others were in the way."""
        caller = await self._find_caller(job)
        for attempt in range(1, CHUNK_ATTEMPTS + 1):
            try:
                if job.dry_run:
                    return await self._try_out(job, chunk, caller)
                async with self.database.begin(job.tenant_id) as transaction:
                    await self._require_ours(transaction, job)
                    written = await write_chunk(transaction, job, chunk, caller, self.clock)
                    return await self._keep(transaction, job, chunk, written)
            except (asyncpg.PostgresError, Unavailable) as error:
                if attempt == CHUNK_ATTEMPTS or not (isinstance(error, Unavailable) or is_contended(error)):
                    raise
                logger.info("import_chunk_again", import_id=str(job.id), error=type(error).__name__)
        raise AssertionError("the last attempt returns or raises")

    async def _try_out(self, job: Import, chunk: PreparedChunk, caller: Caller) -> Import:
        """Write the chunk for what it would do, and take it back."""
        transaction = await self.database.open_transaction(job.tenant_id)
        try:
            written = await write_chunk(transaction, job, chunk, caller, self.clock)
        finally:
            await transaction.rollback()
        async with self.database.begin(job.tenant_id) as keeping:
            await self._require_ours(keeping, job)
            return await self._keep(keeping, job, chunk, written)

    async def _require_ours(self, transaction: Transaction, job: Import) -> None:
        present = await repository.load_for_update(transaction, job.tenant_id, job.id)
        if present.status is not ImportStatus.RUNNING or present.rows_read != job.rows_read:
            raise Superseded

    async def _keep(self, transaction: Transaction, job: Import, chunk: PreparedChunk, written: WrittenChunk) -> Import:
        after = replace(
            job,
            rows_read=chunk.rows_read,
            bytes_read=min(chunk.bytes_read, job.file_bytes),
            created=job.created + written.created,
            updated=job.updated + written.changed,
            unchanged=job.unchanged + written.unchanged,
            failed=job.failed + written.failed,
            preview=[*(job.preview or ()), *written.preview] if job.dry_run else None,
            version=job.version + 1,
            updated_at=self.clock.now(),
        )
        await repository.save(transaction, after)
        await repository.add_errors(transaction, job, written.problems)
        if not job.dry_run:
            await repository.add_chunk(
                transaction,
                job,
                written_at=written.written_at,
                created_ids=written.created_ids,
                updated=written.updated,
            )
        return after

    async def _complete(self, job: Import) -> None:
        async with self.database.begin(job.tenant_id) as transaction:
            await self._require_ours(transaction, job)
            await repository.save(transaction, domain.complete(job, now=self.clock.now()))
            await repository.delete_pieces(transaction, job.tenant_id, job.id)
        logger.info("import_completed", import_id=str(job.id), rows=job.rows_read)


@asynccontextmanager
async def importing(settings: ContactsSettings, database: Database) -> AsyncIterator[None]:
    """Carry out imports while in the block."""

    async def tidy_up() -> None:
        await tidy(database, settings)

    runner = ImportRunner(settings, database, SystemClock())
    async with background(runner.run(), repeat("import_leftovers", tidy_up, pause_s=TIDY_S)):
        yield
