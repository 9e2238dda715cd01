"""A network between a service and an endpoint that loses, delays, cuts and half-carries what passes: a TCP proxy."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["pass", "delay", "drop", "reset", "reset after", "half an answer", "garbage"]
FAULTS: tuple[Fault, ...] = ("pass", "delay", "drop", "reset", "reset after", "half an answer", "garbage")
WEIGHTS = (48, 8, 6, 10, 12, 10, 6)


@dataclass
class FaultyNetwork:
    """Carries connections to `target`. Each draws its fault from `chance`.

    drop: the request is read and nothing comes back. reset: closed by RST before the endpoint hears of it. reset after:
    the endpoint has heard, its answer is lost. half an answer: cut in the middle. garbage: no HTTP comes back.
    """

    target: int
    chance: random.Random
    delay_s: float
    port: int = 0
    met: Counter[Fault] = field(default_factory=Counter)
    held: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        [fault] = self.chance.choices(FAULTS, WEIGHTS)
        self.met[fault] += 1
        self.held.add(writer)
        try:
            await self._carry(fault, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.held.discard(writer)
            writer.close()

    async def _carry(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_message(reader)
        if fault == "reset":
            writer.transport.abort()
            return
        if fault == "delay":
            await asyncio.sleep(self.delay_s)
        if fault == "garbage":
            writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
            await writer.drain()
            return
        answer = await self._ask(request)
        if fault == "drop":
            await reader.read()  # until the sender hangs up
        elif fault == "reset after":
            writer.transport.abort()
        else:
            writer.write(answer[: len(answer) // 2] if fault == "half an answer" else answer)
            await writer.drain()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    return head + await reader.readexactly(length)


@asynccontextmanager
async def faulty_network(target: int, *, seed: int, delay_s: float) -> AsyncIterator[FaultyNetwork]:
    network = FaultyNetwork(target, random.Random(seed), delay_s)  # noqa: S311 - the same faults each time
    server = await asyncio.start_server(network.carry, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        for writer in list(network.held):
            writer.transport.abort()
