"""The consumers' metrics, all by group and topic."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_LABELS: Final = ["group", "topic"]

CONSUMED: Final = Counter("crm_bus_consumed", "Records handled, set-aside ones and tombstones included", _LABELS)
DEAD_LETTERED: Final = Counter(
    "crm_bus_dead_lettered",
    "Records set aside in the dead-letter topic, by verb: one of deleted or erased stays to be seen until it is mended",
    [*_LABELS, "verb"],
)
RETRIES: Final = Counter("crm_bus_retries", "Tries that failed because a store was away, by error", ["group", "error"])
FRESHNESS_S: Final = Histogram(
    "crm_bus_freshness_seconds",
    "Seconds from an event's write, whose time is in its id, until it was handled; by verb: live, or a snapshot",
    ["group", "told"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
UNHANDLED_RECORDS: Final = Gauge(
    "crm_bus_unhandled_records", "Records before the group in the topic, asked of Kafka from outside the group", _LABELS
)
OLDEST_UNHANDLED_S: Final = Gauge(
    "crm_bus_oldest_unhandled_seconds",
    "Age of the first record that the group has yet to handle, 0 when there is none; goes on while nothing else does",
    _LABELS,
)
LOOKED_AT_S: Final = Gauge(
    "crm_bus_looked_timestamp_seconds",
    "When Kafka was last asked what the groups have before them, and answered, in Unix time",
)
BATCH_RECORDS: Final = Histogram(
    "crm_bus_batch_records", "Records in a batch", ["group"], buckets=(1, 3, 10, 30, 100, 300, 1000)
)
HANDLER_S: Final = Histogram(
    "crm_bus_handler_seconds",
    "Seconds of one call of a handler that succeeded",
    ["group"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
