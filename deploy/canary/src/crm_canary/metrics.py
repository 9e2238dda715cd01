"""What is measured, by hop: where a move is to be seen."""

import time
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

SECONDS = Histogram(
    "crm_canary_hop_seconds",
    "Seconds from a move's answer until the hop showed it; of the hop `move` those of the request itself",
    ["hop"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
OUTCOMES = Counter(
    "crm_canary_hops_total",
    "Moves by hop and outcome: arrived, or lost, as it was not shown in time",
    ["hop", "outcome"],
)
LAST_SUCCESS_S = Gauge(
    "crm_canary_last_success_timestamp_seconds",
    "When the hop showed a move last, in Unix time; when the canary started, before the first",
    ["hop"],
)


def begin(hops: Iterable[str]) -> None:
    """Let every hop be seen from the start, so that one that never shows a move counts from now."""
    for hop in hops:
        SECONDS.labels(hop)
        LAST_SUCCESS_S.labels(hop).set_to_current_time()
        for outcome in ("arrived", "lost"):
            OUTCOMES.labels(hop, outcome)


def note(hop: str, seconds: float | None) -> None:
    """Count a move that the hop showed after `seconds`, or that is lost."""
    OUTCOMES.labels(hop, "lost" if seconds is None else "arrived").inc()
    if seconds is not None:
        SECONDS.labels(hop).observe(seconds)
        LAST_SUCCESS_S.labels(hop).set(time.time())
