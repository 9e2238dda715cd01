"""What a cluster's Service is to its pods: new connections go to those that are ready, old ones stay where they are."""

import asyncio
import contextlib
from itertools import count
from typing import Final

LOOPBACK: Final = "127.0.0.1"
PIECE_BYTES: Final = 65_536


class Balancer:
    """Passes on whole connections, not requests, from `port` to the members in turn."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._members: list[int] = []
        self._turns = count()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def add(self, port: int) -> None:
        self._members.append(port)

    def remove(self, port: int) -> None:
        """Send nobody new there; connections that are open stay open."""
        self._members.remove(port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        member = self._members[next(self._turns) % len(self._members)]
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.CancelledError):
            with_member, to_member = await asyncio.open_connection(LOOPBACK, member)
            with contextlib.closing(to_member):
                await asyncio.gather(_pass_on(reader, to_member), _pass_on(with_member, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
