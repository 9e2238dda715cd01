"""The webhooks' metrics."""

from typing import Final

from prometheus_client import Counter, Histogram

ATTEMPTS: Final = Counter(
    "crm_webhook_attempts", "Attempts to deliver, by outcome: delivered, retried or failed", ["outcome"]
)
for _outcome in ("delivered", "retried", "failed"):
    ATTEMPTS.labels(_outcome)  # of a counter whose first value is 1 no increase is seen
FIRST_ATTEMPT_S: Final = Histogram(
    "crm_webhook_first_attempt_seconds",
    "Seconds from the event's arrival in the queue to its first attempt, which waits for its record's earlier events",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400),
)
DISABLED: Final = Counter("crm_webhook_disabled", "Endpoints switched off after repeated failure")
DELAY_S: Final = Histogram(
    "crm_webhook_delay_seconds",
    "Seconds from the event's arrival in the queue to its delivery",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86400),
)
