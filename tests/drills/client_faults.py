"""What comes from outside, or is shown there: a record that nobody can read, a flood, a certificate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

import httpx
from drills.site import GOOD_DAYS, Site

from crm_testing.records import RawRecord, write_records
from crm_testing.suite.tenant import User

ENDS_IN_DAYS: Final = 5
CLIENTS, EACH_EVERY_S = 10, 1 / 15
"""A hundred and fifty requests a second."""


@asynccontextmanager
async def poison(site: Site) -> AsyncIterator[None]:
    """Write one record to the topic of deals that nobody can read. It stays, as a dead letter."""
    record = RawRecord(uuid4().bytes, b"{not json", [("ce_type", b"crm.deal.updated")])
    await write_records(site.crm.plan.kafka.bootstrap, "crm.deal", [record])
    yield


@asynccontextmanager
async def flood(site: Site) -> AsyncIterator[None]:
    """Have one user of a tenant ask far more often than the limit bears, and never wait."""
    user = (await site.crm.new_tenant("Flood")).admin
    clients = [asyncio.create_task(_ask_on(user)) for _ in range(CLIENTS)]
    try:
        yield
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def _ask_on(user: User) -> None:
    loop = asyncio.get_running_loop()
    while True:
        begin_s = loop.time()
        with suppress(httpx.TransportError):  # a client of this kind does not mind
            await user.call("deals", "GET", "/v1/deals?limit=1")
        await asyncio.sleep(max(0.0, EACH_EVERY_S - (loop.time() - begin_s)))


@asynccontextmanager
async def show_ending_certificate(site: Site) -> AsyncIterator[None]:
    """Show clients a certificate that ends in some days; then a renewed one."""
    site.certificate.show(ENDS_IN_DAYS)
    try:
        yield
    finally:
        site.certificate.show(GOOD_DAYS)
