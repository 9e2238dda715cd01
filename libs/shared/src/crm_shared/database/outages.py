"""Tells a store that is away from a mistake of ours."""

import asyncpg


class StatementTimeout(TimeoutError):
    """A statement was stopped, as it had not ended within the time that statements have."""


_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,  # the server was killed in the middle of an answer: asyncpg's state no longer fits
    asyncpg.InsufficientResourcesError,  # no connection, lock, memory or disk is left to be had
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover has not reached us yet
    asyncpg.InvalidPasswordError,  # roles are being provisioned, or a secret is being rotated
)
_CONTENDED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)
# asyncpg raises InterfaceError both for a lost connection and for a call that was wrong; only its text tells.
_LOST = ("connection is closed", "pool is clos", "connection was closed", "another operation", "released back")


def is_away(error: BaseException) -> bool:
    """Return whether PostgreSQL is out of reach, so that the same call may work later."""
    if isinstance(error, asyncpg.InterfaceError):
        return any(sign in str(error) for sign in _LOST)
    return isinstance(error, _AWAY)


def is_overlong(error: BaseException) -> bool:
    """Return whether a statement was stopped for its length: less work would pass, the same again hardly."""
    return isinstance(error, StatementTimeout | asyncpg.QueryCanceledError)


def is_contended(error: BaseException) -> bool:
    """Return whether PostgreSQL chose this transaction to give way; the same again usually passes."""
    return isinstance(error, _CONTENDED)
