"""Tells a bad world from a bad record. A bad world is waited for; only a bad record is set aside.

- A store, the bus or a service is away, or chose our transaction to give way: the world. Wait, try the same again.
- The database is not as this release expects, as a migration has yet to run: the world. The records are fine.
- Anything else that a handler raises, BadRecord first: the record. Dead letter, go on.
"""

from http import HTTPStatus
from typing import Final

import asyncpg
import httpx

from crm_shared.contracts import BadRecord
from crm_shared.database.outages import is_away, is_contended


class DependencyUnavailable(Exception):
    """Raised by a handler that knows that what it needs is away, whatever the error below it was."""


TRANSIENT_ERRORS: Final[tuple[type[BaseException], ...]] = (
    DependencyUnavailable,
    OSError,
    TimeoutError,
    httpx.TransportError,
    # Never caused by a record's data, as SQL is fixed text: the schema or the grants lag behind the release. Dead
    # letters of a whole topic would be worse than waiting for the migration.
    asyncpg.SyntaxOrAccessError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    # asyncpg's own state after a server was killed under it: "cannot switch to state 12; another operation is …".
    asyncpg.InternalClientError,
    asyncpg.PostgresSystemError,
)


def _answers_badly(error: BaseException) -> bool:
    """Did an HTTP store or service answer "not now"? Elasticsearch's errors are known by name: only search has it."""
    if type(error).__module__.partition(".")[0] in {"elastic_transport", "elasticsearch"}:
        if type(error).__name__ in {"ConnectionError", "ConnectionTimeout", "TlsError"}:
            return True
        status = getattr(error, "status_code", None) or 0
    elif isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
    else:
        return False
    return bool(status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _is_of_the_bus(error: BaseException) -> bool:
    """Did Kafka answer "not now", or not at all? By name too: an API talks to no Kafka, and loads no client of it."""
    if type(error).__module__ != "aiokafka.errors":
        return False
    return bool(getattr(error, "retriable", False)) or type(error).__name__ == "KafkaTimeoutError"


def is_transient(error: BaseException, more: tuple[type[BaseException], ...] = ()) -> bool:
    """Will the same call work once something outside has recovered? Looks through `raise … from` and groups.

    `more` adds a handler's own errors. A BadRecord is never the world's, whatever it was raised from.
    """
    if isinstance(error, BadRecord):
        return False
    if isinstance(error, BaseExceptionGroup):
        return any(is_transient(inner, more) for inner in error.exceptions)
    if isinstance(error, (*TRANSIENT_ERRORS, *more)) or is_away(error) or is_contended(error):
        return True
    if _answers_badly(error) or _is_of_the_bus(error):
        return True
    return error.__cause__ is not None and is_transient(error.__cause__, more)
