"""Is Kafka there? Asked by probes, apart from the clients, which go on trying by themselves and tell nobody."""

import asyncio
from contextlib import suppress

TIMEOUT_S = 1.0


async def require_kafka(bootstrap: str) -> None:
    """Raise ConnectionError when none of the addresses ("host:port,host:port") takes a connection."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return
    raise ConnectionError("no Kafka broker answers")
