"""The process beside the worker that prepares an import's rows, and the talk between the two.

A thread would hold up every consumer of the worker: reading and checking a chunk takes the interpreter for a fifth of
a second. A process of its own lets the database write one chunk while the next is prepared.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, Final

from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import
from crm_shared.features.imports.prepare.cells import find_kinds
from crm_shared.features.imports.prepare.chunks import PreparedChunk
from crm_shared.features.imports.prepare.preparing import Preparer
from crm_shared.features.imports.prepare.survey import Surveyed, needs_survey, survey
from crm_shared.features.imports.references import Found, Wanted

# forkserver: a forked copy of a process with running threads and an event loop may stand still for ever. The server has
# neither, and has loaded what a file needs: an import of one row, or one whose turn has come again, begins at once.
_PROCESSES: Final = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class NeedsPiece:
    """A piece of the file by its number from 0, b"" at its end."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """All chunks were given. `error`: what went wrong instead, in words for the log."""

    error: str | None = None


class PreparingFailed(Exception):
    """The side process met what it should not; its import can't go on."""


class PreparingDied(Exception):
    """The side process is gone: killed, or out of memory. Another try may succeed."""


def _main(connection: Connection, job: Import, kind: AnyAdapter, chunk_rows: int, *, names_alone: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's goes to both; the worker ends this one

    def ask(question: object) -> Any:
        connection.send(question)
        return connection.recv()

    try:
        if names_alone:
            for wanted in Preparer(job, kind, chunk_rows, _reading(ask), ask).list_wanted():
                ask(wanted)
            connection.send(Ended())
            return
        kinds = find_kinds(kind, ask(Wanted()))
        if needs_survey(job, kinds):
            job = ask(survey(job, kinds, _reading(ask)))
        preparer = Preparer(job, kind, chunk_rows, _reading(ask), ask)
        for chunk in preparer.prepare():
            connection.send(chunk)
        connection.send(Ended())
    except (EOFError, OSError):
        return  # the worker is gone
    except Exception as error:  # noqa: BLE001 - told to the worker, which logs it and ends the import
        connection.send(Ended(f"{type(error).__name__}: {error}"))


def _reading(ask: Callable[[object], Any]) -> Callable[[], bytes]:
    """Read the file from its beginning, piece by piece."""
    numbers = count()

    def next_piece() -> bytes:
        piece: bytes = ask(NeedsPiece(next(numbers)))
        return piece

    return next_piece


class SideProcess:
    """One import's preparation, under way. `chunks` drives it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._receiving: asyncio.Future[object] | None = None

    async def chunks(
        self,
        load_piece: Callable[[int], Awaitable[bytes]],
        find: Callable[[Wanted], Awaitable[Found]],
        note: Callable[[Surveyed], Awaitable[Import]],
    ) -> AsyncGenerator[PreparedChunk, None]:
        """Yield the chunks as they are ready; the next one is begun at once. Raises PreparingFailed, PreparingDied."""
        while True:
            match await self._receive():
                case PreparedChunk() as chunk:
                    yield chunk
                case NeedsPiece(number=number):
                    await self._send(await load_piece(number))
                case Surveyed() as surveyed:
                    await self._send(await note(surveyed))
                case Wanted() as wanted:
                    await self._send(await find(wanted))
                case Ended(error=None):
                    return
                case Ended(error=error):
                    raise PreparingFailed(error)

    async def _receive(self) -> object:
        self._receiving = asyncio.ensure_future(asyncio.to_thread(self._connection.recv))
        try:
            return await asyncio.shield(self._receiving)  # a thread can't be cancelled; `drain` waits for it
        except (EOFError, OSError):
            raise PreparingDied from None

    async def drain(self) -> None:
        """Wait until nobody reads any more; to be called once the process has ended."""
        if self._receiving is not None:
            with suppress(EOFError, OSError):
                await self._receiving
        self._connection.close()

    async def _send(self, answer: object) -> None:
        try:
            await asyncio.to_thread(self._connection.send, answer)
        except OSError:
            raise PreparingDied from None


@asynccontextmanager
async def preparing_beside(
    job: Import, kind: AnyAdapter, *, chunk_rows: int, names_alone: bool = False
) -> AsyncIterator[SideProcess]:
    """Run the preparation of `job` in a process of its own while in the block.

    `names_alone`: it asks for what its rows name and gives no chunk.
    """
    package = type(kind).__module__.partition(".")[0]
    _PROCESSES.set_forkserver_preload([__name__, package + ".cli"])  # heard by the server's start alone
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(
        target=_main,
        args=(theirs, job, kind, chunk_rows),
        kwargs={"names_alone": names_alone},
        name=f"import-{job.id}",
        daemon=True,
    )
    await asyncio.to_thread(process.start)
    theirs.close()  # theirs alone: when that process dies, reading here ends
    side = SideProcess(ours)
    try:
        yield side
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
        await side.drain()
