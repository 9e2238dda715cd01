"""What the suite promises over 30 days, each as the share of events that were not good."""

from dataclasses import dataclass
from typing import Final

WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")
PERIOD_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Objective:
    """`all_events` and `bad_events` are counted over `[$window]`, by the label `by`; `percent` of all are good.

    `known_causes` are alerts of their own that burn this budget: beside them, and while it recovers, it pages nobody.
    """

    name: str
    slug: str
    promise: str
    percent: float
    by: str
    all_events: str
    bad_events: str
    known_causes: tuple[str, ...]

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.percent / 100, 6)

    def ratio(self, window: str) -> str:
        """Name the recorded share of bad events over `window`, of this objective."""
        return f'crm_slo:bad_events:ratio{window}{{slo="{self.slug}"}}'


def ratio_over(window: str, having: str = "") -> str:
    """Say how the share is computed of what was counted before: without events there is none.

    `window` may be a subquery's. Counted first and summed then, days are a few thousand samples. Of the requests
    themselves, by route and status, three days would be millions to read at each look.
    """
    bad, everything = (
        f"sum_over_time(crm_slo:{name}:increase5m{having}[{window}])" for name in ("bad_events", "events")
    )
    return f"{bad} / ({everything} > 0)"


def _of_histogram(name: str, good_within: str, by: str, *, having: str = "") -> tuple[str, str]:
    """Return all events of a histogram, and those that took longer than `good_within`, one of its bounds."""
    comma = f",{having}" if having else ""
    everything = f"sum by ({by}) (increase({name}_count{{{having}}}[$window]))"
    good = f'sum by ({by}) (increase({name}_bucket{{le="{good_within}"{comma}}}[$window]))'
    return everything, f"{everything} - {good}"


_LATENCY: Final = _of_histogram("crm_http_request_seconds", "0.5", "service")
_FRESHNESS: Final = _of_histogram("crm_bus_freshness_seconds", "1.0", "group", having='told="live"')
_WEBHOOKS: Final = _of_histogram("crm_webhook_first_attempt_seconds", "5.0", "service")

_OF_STORES: Final = ("DiskAlmostFull",)
# Nothing arrives while these go on, and all that has waited comes late afterwards. By clocks that differ it seems so.
_OF_THE_BUS: Final = (
    *_OF_STORES,
    *("ProcessMissing", "KafkaAway", "RelayWithoutLeader", "OutboxAges", "ConsumerStuck", "ClockOff"),
)

OBJECTIVES: Final = (
    Objective(
        "ApiAvailability",
        "api-availability",
        "99.9 % of requests are answered, with no error of ours",
        percent=99.9,
        by="service",
        all_events="sum by (service) (increase(crm_http_request_seconds_count[$window]))",
        bad_events=(
            'sum by (service) (increase(crm_http_requests_total{status=~"5.."}[$window]))'
            " or 0 * sum by (service) (increase(crm_http_request_seconds_count[$window]))"
        ),
        known_causes=_OF_STORES,
    ),
    Objective(
        "ApiLatency",
        "api-latency",
        "99 % of requests are answered within 0.5 s",
        percent=99,
        by="service",
        all_events=_LATENCY[0],
        bad_events=_LATENCY[1],
        known_causes=_OF_STORES,
    ),
    Objective(
        "Freshness",
        "freshness",
        "99.9 % of changes are in a projection within 1 s of their write",
        percent=99.9,
        by="group",
        all_events=_FRESHNESS[0],
        bad_events=_FRESHNESS[1],
        known_causes=_OF_THE_BUS,
    ),
    Objective(
        "WebhookDelivery",
        "webhook-delivery",
        "99 % of webhooks are sent for the first time within 5 s of the event's arrival",
        percent=99,
        by="service",
        all_events=_WEBHOOKS[0],
        bad_events=_WEBHOOKS[1],
        known_causes=_OF_THE_BUS,
    ),
)
