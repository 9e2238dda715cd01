"""Is Kafka there? Asked by probes, apart from the clients, which go on trying by themselves and tell nobody."""

import asyncio
from contextlib import suppress

from crm_shared.kafka_access import Kafka, to_access

TIMEOUT_S = 1.0


async def require_kafka(kafka: Kafka) -> None:
    """Raise ConnectionError when none of its addresses takes a connection."""
    for address in to_access(kafka).bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return
    raise ConnectionError("no Kafka broker answers")
