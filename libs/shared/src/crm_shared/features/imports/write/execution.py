"""Carries one import out, chunk by chunk, for as long as it has its turn.

An import goes on where its last committed chunk ended, whoever had begun it: how far it is stands in the same
transaction as what it wrote.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from crm_shared.access import Caller
from crm_shared.access.directory import Directory
from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction
from crm_shared.database.outages import is_away, is_contended
from crm_shared.features.imports import domain, repository
from crm_shared.features.imports.adapter import Adapters, AnyAdapter
from crm_shared.features.imports.domain import Import, ImportNotFound, ImportStatus
from crm_shared.features.imports.prepare.chunks import PreparedChunk
from crm_shared.features.imports.prepare.references import find_all
from crm_shared.features.imports.prepare.side_process import (
    PreparingDied,
    PreparingFailed,
    SideProcess,
    preparing_beside,
)
from crm_shared.features.imports.prepare.survey import Surveyed
from crm_shared.features.imports.references import Found, Wanted
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.features.imports.write.reverting import revert_all
from crm_shared.features.imports.write.turns import ChunkQueue, Turn, TurnOver
from crm_shared.features.imports.write.writing import DefinitionsChanged, WrittenChunk, write_chunk
from crm_shared.refusals import Unavailable

logger = structlog.get_logger(__name__)

CHUNK_ATTEMPTS: Final = 5
NOTE_S: Final = 1.0
"""How often an import that waits tells for what, and looks whether it is still wanted."""
AT_WORK: Final = frozenset({ImportStatus.RUNNING, ImportStatus.REVERTING})
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
    """Return whether the same again may succeed: the database is away, or others are in the way."""
    return is_away(error) or is_contended(error) or isinstance(error, Unavailable)


@dataclass(frozen=True, slots=True)
class ImportWork:
    """What the imports of one worker share."""

    settings: ImportSettings
    database: Database
    clock: Clock
    queue: ChunkQueue
    kinds: Adapters

    async def execute_import(self, tenant_id: UUID, import_id: UUID, turn: Turn) -> None:
        """Bring an import to its end, or to that of its turn.

        Raises what `is_passing` says may succeed later, and whatever kept it from being taken back.
        """
        deaths = 0
        while True:
            job = None
            try:
                job = await self._start(tenant_id, import_id)
                if job.status is ImportStatus.REVERTING:
                    await revert_all(job, self.kinds, self.database, self.clock, partial(self._passing, turn))
                else:
                    await self._import(job, turn)
            except (Superseded, ImportNotFound):
                return
            except TurnOver:
                await self._end_turn(tenant_id, import_id)
                return
            except (DefinitionsChanged, repository.RowsTaken):
                continue
            except Exception as error:
                if is_passing(error) or (job is not None and job.status is ImportStatus.REVERTING):
                    raise  # it goes on where it is, once the database is back
                deaths += isinstance(error, PreparingDied)
                logger.exception("import_failed", import_id=str(import_id), deaths=deaths)
                if 0 < deaths < DEATHS:
                    continue
                problem = next((text for kind, text in PROBLEMS.items() if isinstance(error, kind)), UNKNOWN_PROBLEM)
                await self._fail(tenant_id, import_id, problem)
            return

    def _kind(self, job: Import) -> AnyAdapter:
        return self.kinds[job.entity_type]

    async def _start(self, tenant_id: UUID, import_id: UUID) -> Import:
        async with self.database.begin(tenant_id) as transaction:
            job = await repository.load_for_update(transaction, tenant_id, import_id)
            if job.status is ImportStatus.QUEUED:
                job = domain.start(job, now=self.clock.now())
                await repository.save(transaction, job)
            elif job.status not in AT_WORK:
                raise Superseded
        return job

    async def _fail(self, tenant_id: UUID, import_id: UUID, problem: str) -> None:
        async with self.database.begin(tenant_id) as transaction:
            job = await repository.load_for_update(transaction, tenant_id, import_id)
            if job.status is ImportStatus.RUNNING:
                await repository.save(transaction, domain.fail(job, problem, now=self.clock.now()))
                await repository.delete_pieces(transaction, tenant_id, import_id)

    async def _end_turn(self, tenant_id: UUID, import_id: UUID) -> None:
        async with self.database.begin(tenant_id) as transaction:
            job = await repository.load_for_update(transaction, tenant_id, import_id)
            if job.status in AT_WORK:
                await repository.save(transaction, domain.end_turn(job, now=self.clock.now()))

    @asynccontextmanager
    async def _passing(self, turn: Turn, job: Import) -> AsyncIterator[None]:
        """Wait until the import may write more, and note what it waits for. Raises TurnOver, Superseded."""
        noted_at_s = time.monotonic()

        async def note(waits_for: str) -> None:
            nonlocal noted_at_s
            if time.monotonic() - noted_at_s >= NOTE_S:
                noted_at_s = time.monotonic()
                await self._note_waiting(job, waits_for)

        async with self.queue.passing(turn, note, feeds=not job.dry_run):
            yield

    async def _note_waiting(self, job: Import, waits_for: str) -> None:
        """Tell the importer. Whoever has cancelled it meanwhile is heard here too."""
        async with self.database.begin(job.tenant_id) as transaction:
            present = await repository.load_for_update(transaction, job.tenant_id, job.id)
            if present.status is not job.status:
                raise Superseded
            await repository.save(transaction, domain.wait(present, waits_for, now=self.clock.now()))

    async def _import(self, job: Import, turn: Turn) -> None:
        """Write chunk by chunk, the next one being prepared meanwhile."""
        async with preparing_beside(job, self._kind(job), chunk_rows=self.settings.import_chunk_rows) as side:
            prepared: asyncio.Queue[PreparedChunk | BaseException | None] = asyncio.Queue(maxsize=1)
            feeding = asyncio.create_task(self._feed(job, side, prepared))
            try:
                while (chunk := await prepared.get()) is not None:
                    if isinstance(chunk, BaseException):
                        raise chunk
                    job = await self._write_in_turn(job, chunk, turn)
                    if turn.is_over:
                        raise TurnOver
            finally:
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding
        await self._complete(job)

    async def _write_in_turn(self, job: Import, chunk: PreparedChunk, turn: Turn) -> Import:
        """Write a chunk when its time has come. An import's first is no more than a batch is: it waits for nobody."""
        turn.begin()
        if job.rows_read == 0:
            return await self._write(job, chunk)
        async with self._passing(turn, job):
            return await self._write(job, chunk)

    async def _feed(
        self, job: Import, side: SideProcess, prepared: "asyncio.Queue[PreparedChunk | BaseException | None]"
    ) -> None:
        async def load_piece(number: int) -> bytes:
            async with self.database.read(job.tenant_id) as connection:
                return await repository.load_piece(connection, job.tenant_id, job.id, number)

        async def find(wanted: Wanted) -> Found:
            return await find_all(self.database, await self._find_caller(job), wanted, job, self._kind(job), self.clock)

        async def note(surveyed: Surveyed) -> Import:
            async with self.database.begin(job.tenant_id) as transaction:
                present = await self._require_ours(transaction, job)
                after = domain.note_survey(present, surveyed.forms, surveyed.warnings, now=self.clock.now())
                await repository.save(transaction, after)
            return after

        try:
            async with aclosing(side.chunks(load_piece, find, note)) as chunks:
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
                    present = await self._require_ours(transaction, job)
                    written = await write_chunk(transaction, job, self._kind(job), chunk, caller, self.clock)
                    return await self._keep(transaction, present, chunk, written)
            except (asyncpg.PostgresError, Unavailable) as error:
                if attempt == CHUNK_ATTEMPTS or not (isinstance(error, Unavailable) or is_contended(error)):
                    raise
                logger.info("import_chunk_again", import_id=str(job.id), error=type(error).__name__)
        raise AssertionError("the last attempt returns or raises")

    async def _try_out(self, job: Import, chunk: PreparedChunk, caller: Caller) -> Import:
        """Write the chunk for what it would do, and take it back."""
        transaction = await self.database.open_transaction(job.tenant_id)
        try:
            written = await write_chunk(transaction, job, self._kind(job), chunk, caller, self.clock)
        finally:
            await transaction.rollback()
        async with self.database.begin(job.tenant_id) as keeping:
            present = await self._require_ours(keeping, job)
            return await self._keep(keeping, present, chunk, written)

    async def _require_ours(self, transaction: Transaction, job: Import) -> Import:
        """Lock the import, give it as it is now. Raises Superseded."""
        present = await repository.load_for_update(transaction, job.tenant_id, job.id)
        if present.status is not ImportStatus.RUNNING or present.rows_read != job.rows_read:
            raise Superseded
        return present

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
            warnings=domain.add_warnings(job.warnings, sorted(chunk.warned)),
            waits_for=None,
            version=job.version + 1,
            updated_at=self.clock.now(),
        )
        await repository.save(transaction, after)
        await repository.add_errors(transaction, job, written.problems)
        if not job.dry_run:
            await repository.take_rows(transaction, job, written.mended)
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
            present = await self._require_ours(transaction, job)
            await repository.save(transaction, domain.complete(present, now=self.clock.now()))
            await repository.delete_pieces(transaction, job.tenant_id, job.id)
        logger.info("import_completed", import_id=str(job.id), rows=job.rows_read)
