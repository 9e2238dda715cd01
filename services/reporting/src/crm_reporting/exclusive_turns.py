"""Work that one process of many does at a time: whoever has the turn, as long as its session lives."""

from contextlib import AsyncExitStack
from typing import Final, Self

from crm_shared.database import Connection, Database
from crm_shared.database.pool import STATEMENT_TIMEOUT_S

TAKE: Final = "SELECT pg_try_advisory_lock(hashtextextended('turn ' || $1::text, 0))"


class Turn:
    """The work called `name`, in the database of `dsn`. The turn is the session's: it ends with the process, or before.

    Use it as a context manager, so that it is left at the end.
    """

    def __init__(self, dsn: str, name: str, *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> None:
        self._dsn = dsn
        self._name = name
        self._statement_timeout_s = statement_timeout_s
        self._stack = AsyncExitStack()
        self._session: Connection | None = None

    @property
    def is_held(self) -> bool:
        return self._session is not None

    async def take(self) -> Connection | None:
        """Return the session that has the turn, which is taken where nobody has it; None while another process does.

        The work is to use this session: a statement over it fails once the turn is lost. Raises as the database does.
        """
        if self._session is None:
            async with AsyncExitStack() as stack:
                opened = Database.opened(self._dsn, max_size=1, statement_timeout_s=self._statement_timeout_s)
                database = await stack.enter_async_context(opened)
                session = await stack.enter_async_context(database.read_as_worker())
                if await session.fetchval(TAKE, self._name):
                    self._session = session
                    self._stack = stack.pop_all()
        return self._session

    async def leave(self) -> None:
        """Let another have it. Closing the session does."""
        self._session = None
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()
