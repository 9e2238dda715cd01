"""The standby that reports read: its pool, its lag, and whether one may read there now."""

import asyncio
from typing import Final, Self

import structlog
from prometheus_client import Gauge

from crm_reporting.replica.lag import ReplicaLag
from crm_reporting.replica.positions import AWAY, Position, Server, primary_at, standby_at
from crm_reporting.settings import ReportingSettings
from crm_shared.database import Database

logger = structlog.get_logger(__name__)

LAG_SECONDS: Final = Gauge(
    "crm_reporting_replica_lag_seconds",
    "At most how old what the replica shows is, at the last look; NaN while that is not known",
)
LAG_BYTES: Final = Gauge(
    "crm_reporting_replica_lag_bytes", "WAL that the replica has yet to replay, at the last look; NaN while not known"
)
IS_READ: Final = Gauge(
    "crm_reporting_replica_is_read", "1 while reports read the replica, 0 while they read the primary"
)

LOOKS_EVERY_S: Final = 1.0
LOOKS_IN_A_BOUND: Final = 4
"""Looks within the bound of seconds at least: what a look saw must not be too old before the next one."""

CATCH_UP_TRIES: Final = 5
CATCH_UP_PAUSE_S: Final = 0.05


class Standby:
    """Open with `await Standby.open(…)`; call `look` every `pause_s`; close at the end."""

    def __init__(self, settings: ReportingSettings, read_dsn: str, database: Database) -> None:
        self._settings = settings
        self._read_dsn = read_dsn
        self.database = database
        self._primary: Server = primary_at(settings.dsn.get_secret_value())
        self._standby: Server = standby_at(read_dsn)
        self._lag = ReplicaLag(
            max_s=settings.reporting_replica_max_lag_s, max_bytes=settings.reporting_replica_max_lag_bytes
        )
        self._looking = asyncio.Lock()
        self._said: str | None = None

    @classmethod
    async def open(cls, settings: ReportingSettings, read_dsn: str) -> Self:
        """Make it without connecting: the API starts whether or not the standby does."""
        return cls(settings, read_dsn, await _open_pool(settings, read_dsn))

    @property
    def pause_s(self) -> float:
        """How long to wait from one look to the next."""
        return min(LOOKS_EVERY_S, self._settings.reporting_replica_max_lag_s / LOOKS_IN_A_BOUND)

    @property
    def may_be_read(self) -> bool:
        return self._lag.may_be_read(asyncio.get_running_loop().time())

    async def close(self) -> None:
        self._primary.close()
        self._standby.close()
        await self.database.close()

    async def look(self) -> None:
        """Find out how far behind it is. Never raises for a server that is away: then the primary is read."""
        async with self._looking:
            await self._look()
            LAG_SECONDS.set(_or_nan(self._lag.seconds))
            LAG_BYTES.set(_or_nan(self._lag.bytes))
            IS_READ.set(self.may_be_read)

    def doubt(self) -> None:
        """Have the primary read until the next look: a connection to the standby was lost."""
        self._lag.doubt()

    async def measure_lag_s(self) -> float:
        """Return at most how old what it shows is: 0 where it holds all that the primary has written by now.

        On a busy primary something is always under way: it gets a moment to reach what was written at the asking.
        Raises ConnectionError where it can't be told.
        """
        await self.look()
        async with self._looking:
            if self._lag.seconds is None:
                raise ConnectionError("how far the replica is behind is not known")
            if not self._lag.bytes:
                return self._lag.seconds
            try:
                return 0.0 if await self._has_caught_up() else self._lag.seconds
            except AWAY as error:
                raise ConnectionError("the replica or the primary went away") from error

    async def _has_caught_up(self) -> bool:
        written = await self._primary.find_position()
        for _ in range(CATCH_UP_TRIES):
            replayed = await self._standby.find_position()
            if replayed.bytes is not None and written.bytes is not None and replayed.bytes >= written.bytes:
                return True
            await asyncio.sleep(CATCH_UP_PAUSE_S)
        return False

    async def _look(self) -> None:
        try:
            replayed = await self._standby.find_position()
        except AWAY as error:
            await self._cut(error)
            return
        at_s = asyncio.get_running_loop().time()
        try:
            written = await self._primary.find_position()
        except AWAY as error:
            # What was seen last ages: soon nobody reads the standby either. Nobody could sign in anyway.
            self._say("primary_position_unknown", error=repr(error))
            return
        self._compare(at_s, written, replayed)

    def _compare(self, at_s: float, written: Position, replayed: Position) -> None:
        if written.bytes is None or replayed.bytes is None or written.cluster_id != replayed.cluster_id:
            self._lag.forget()
            self._say("replica_refused", reason="the server at CRM_REPORTING_READ_DSN is no standby of this primary")
        elif replayed.bytes > written.bytes:
            # A standby of a primary that was given up: it went on after the point where the present one began.
            self._lag.forget()
            self._say("replica_refused", reason="it has replayed what this primary has not written")
        else:
            self._lag.note(at_s=at_s, written=written.bytes, replayed=replayed.bytes)
            lag = {"lag_s": self._lag.seconds, "lag_bytes": self._lag.bytes}
            self._say("replica_is_read" if self.may_be_read else "replica_too_far_behind", **lag)

    async def _cut(self, error: BaseException) -> None:
        """Let nobody wait for a server that does not answer: a frozen one would keep them for ever."""
        self._lag.forget()
        self._say("replica_away", error=repr(error))
        self.database.cut()
        self.database = await _open_pool(self._settings, self._read_dsn)

    def _say(self, event: str, **more: object) -> None:
        """Log a change, not each look."""
        if event != self._said:
            self._said = event
            logger.info(event, **more)


async def _open_pool(settings: ReportingSettings, dsn: str) -> Database:
    return await Database.open(
        dsn,
        max_size=settings.database_pool_max_size,
        wait_s=settings.database_pool_wait_s,
        behind_pooler=settings.database_behind_pooler,
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
