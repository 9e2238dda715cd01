"""Which errors are the world's, and how waits grow."""

import asyncio

import aiokafka.errors
import asyncpg
import elastic_transport
import elasticsearch
import httpx
import pytest

from crm_shared.bus import DependencyUnavailable, is_transient
from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.contracts import BadRecord

REQUEST = httpx.Request("GET", "http://deals")


def answer(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("", request=REQUEST, response=httpx.Response(status, request=REQUEST))


def index_answer(status: int) -> elasticsearch.ApiError:
    node = elastic_transport.NodeConfig("http", "127.0.0.1", 9200)
    meta = elastic_transport.ApiResponseMeta(status, "1.1", elastic_transport.HttpHeaders(), 0.0, node)
    return elasticsearch.ApiError("no", meta, None)


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        DependencyUnavailable("index"),
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.AdminShutdownError(),
        asyncpg.CrashShutdownError(),
        asyncpg.SerializationError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.LockNotAvailableError(),
        asyncpg.DiskFullError(),
        asyncpg.UndefinedTableError(),
        asyncpg.InsufficientPrivilegeError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        aiokafka.errors.KafkaConnectionError(),
        aiokafka.errors.NotEnoughReplicasError(),
        elastic_transport.ConnectionError("refused"),
        elastic_transport.ConnectionTimeout("late"),
        index_answer(429),
        index_answer(503),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        answer(503),
        answer(429),
        raised_from(RuntimeError("could not store"), ConnectionResetError()),
        ExceptionGroup("both", [ValueError(), ConnectionResetError()]),
    ],
    ids=repr,
)
def test_the_world_is_waited_for(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        BadRecord("no id"),
        raised_from(BadRecord("no such host"), OSError()),
        ValueError(),
        KeyError("stage_id"),
        TypeError(),
        asyncpg.UniqueViolationError(),
        asyncpg.ForeignKeyViolationError(),
        asyncpg.CheckViolationError(),
        asyncpg.NumericValueOutOfRangeError(),
        asyncpg.InterfaceError("the server expects 2 arguments for this query, 1 was passed"),
        aiokafka.errors.MessageSizeTooLargeError(),
        elastic_transport.SerializationError("not JSON"),
        index_answer(400),
        index_answer(409),
        answer(404),
        answer(422),
        ExceptionGroup("both", [ValueError(), KeyError()]),
    ],
    ids=repr,
)
def test_a_bad_record_is_not_waited_for(error: Exception) -> None:
    assert not is_transient(error)


def test_a_consumer_may_name_world_errors_of_its_own() -> None:
    assert not is_transient(LookupError())
    assert is_transient(LookupError(), (LookupError,))


def test_delays_double_up_to_the_last_with_jitter_below() -> None:
    backoff = Backoff(first_s=0.1, last_s=5.0)
    delays = [backoff.next_delay_s() for _ in range(100)]
    for tries, delay in enumerate(delays):
        whole = min(5.0, 0.1 * 2**tries)
        assert whole / 2 <= delay <= whole
    assert len(set(delays[-20:])) > 10
    backoff.reset()
    assert backoff.next_delay_s() <= 0.1


async def test_a_wait_ends_early_when_the_process_stops() -> None:
    stopping = asyncio.Event()
    assert not await wait_or_stop(0.001, stopping)
    asyncio.get_running_loop().call_later(0.01, stopping.set)
    async with asyncio.timeout(60):
        assert await wait_or_stop(3600, stopping)
