"""The pools' metrics, by the PostgreSQL role that each logs in as: what two pools of one have counts together.

The label is no `role`, which is what a process is: whoever scrapes gives it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Protocol
from weakref import WeakSet

from prometheus_client import REGISTRY, Histogram
from prometheus_client import Counter as Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

ACQUIRE_S: Final = Histogram(
    "crm_database_acquire_seconds",
    "Seconds that a statement waited for a connection where all were in use; the others wait for nothing",
    ["login"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ACQUIRE_TIMEOUTS: Final = Metric(
    "crm_database_acquire_timeouts", "Times that no connection was free or could be opened in time", ["login"]
)


class Pool(Protocol):
    """A pool as its metrics see it."""

    login: str

    def count_connections(self) -> tuple[int, int, int]:
        """Return how many are in use, how many are open and idle, and how many there may be."""
        ...


class PoolsCollector(Collector):
    """Counts when asked, so that a pool's use costs nothing. A pool that nobody holds any more counts no longer."""

    def __init__(self) -> None:
        self._pools: WeakSet[Pool] = WeakSet()

    def add(self, pool: Pool) -> None:
        self._pools.add(pool)
        ACQUIRE_S.labels(pool.login)
        ACQUIRE_TIMEOUTS.labels(pool.login)

    def remove(self, pool: Pool) -> None:
        self._pools.discard(pool)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        connections = GaugeMetricFamily(
            "crm_database_connections", "Connections that are open, by state: in_use or idle", labels=["login", "state"]
        )
        limit = GaugeMetricFamily(
            "crm_database_connections_max", "Connections that may be open at most", labels=["login"]
        )
        for login, (in_use, idle, most) in sorted(_sum_by_login(self._pools).items()):
            connections.add_metric([login, "in_use"], in_use)
            connections.add_metric([login, "idle"], idle)
            limit.add_metric([login], most)
        yield connections
        yield limit


def _sum_by_login(pools: Iterable[Pool]) -> dict[str, tuple[int, int, int]]:
    in_use: Counter[str] = Counter()
    idle: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for pool in list(pools):
        counts = pool.count_connections()
        in_use[pool.login] += counts[0]
        idle[pool.login] += counts[1]
        most[pool.login] += counts[2]
    return {login: (in_use[login], idle[login], most[login]) for login in most}


POOLS: Final = PoolsCollector()
REGISTRY.register(POOLS)
