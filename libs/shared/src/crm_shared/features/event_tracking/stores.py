"""How `why` reads a service's database: by the worker's role, over one connection, each statement within a bound."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from crm_shared.database import Connection, Database
from crm_shared.settings import ServiceSettings

STATEMENT_TIMEOUT_S: Final = 15.0


@asynccontextmanager
async def reading(settings: ServiceSettings) -> AsyncIterator[Connection]:
    """Yield a connection to the service's database, all tenants in sight. Raises what an outage raises."""
    dsn = settings.worker_dsn.get_secret_value()
    async with (
        Database.opened(dsn, max_size=1, statement_timeout_s=STATEMENT_TIMEOUT_S) as database,
        database.read_as_worker() as connection,
    ):
        yield connection
