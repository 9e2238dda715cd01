"""The relay's metrics."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED: Final = Counter("crm_relay_published", "Outbox rows that Kafka acknowledged, by topic", ["topic"])
BACKLOG_ROWS: Final = Gauge("crm_relay_backlog_rows", "Rows waiting in the outbox; counts no further than 100,001")
OLDEST_ROW_AGE_S: Final = Gauge("crm_relay_oldest_row_age_seconds", "Age of the first row that waits; 0 when none does")
MEASURED_AT_S: Final = Gauge(
    "crm_relay_measured_timestamp_seconds", "When these two were measured last, in Unix time; 0 before the first time"
)
IS_LEADER: Final = Gauge("crm_relay_is_leader", "1 in the relay that publishes, 0 in one that stands by")
HELD_ROWS: Final = Gauge("crm_relay_held_rows", "Rows that Kafka refuses as too large; they stay in the outbox")
FAILURES: Final = Counter("crm_relay_failures", "Times the relay had to start anew, by what was away", ["error"])
CYCLE_ROWS: Final = Histogram(
    "crm_relay_cycle_rows", "Rows sent in one cycle that sent any", buckets=(1, 3, 10, 30, 100, 300, 1000, 3000)
)
