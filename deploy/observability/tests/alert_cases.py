"""What each alert is shown: series under which it must fire, and under which it must clear again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from crm_shared.service_registry import PUBLISHERS, SERVICES

Labels = Mapping[str, str]
ROLES: Final = {"api": SERVICES, "worker": SERVICES, "relay": PUBLISHERS}
UP: Final = {
    f'up{{job="crm",service="{service}",role="{role}"}}': "1x2000"
    for role, services in ROLES.items()
    for service in services
}


@dataclass(frozen=True)
class Case:
    """`series` are values a step, in promtool's notation, beside processes that all answer.

    `fires` and `clears` say when to look.
    """

    alert: str
    labels: Labels
    series: Mapping[str, str]
    fires: str
    clears: str
    severity: str = "ticket"
    step: str = "15s"


@dataclass(frozen=True)
class Calm:
    """Series under which nothing fires at `look`; with a `severity`, nothing of that."""

    name: str
    series: Mapping[str, str]
    look: str = "30m"
    step: str = "1m"
    severity: str | None = None


def of_relay(age_s: str, *, leads: str = "1x200", measured: str = "0+15x200") -> dict[str, str]:
    labels = '{service="deals",role="relay"}'
    return {
        f"crm_relay_oldest_row_age_seconds{labels}": age_s,
        f"crm_relay_measured_timestamp_seconds{labels}": measured,
        f"crm_relay_is_leader{labels}": leads,
    }


def of_disk(available: str, size: str = "100x700") -> dict[str, str]:
    labels = '{instance="db-1",mountpoint="/data",fstype="ext4"}'
    return {f"node_filesystem_avail_bytes{labels}": available, f"node_filesystem_size_bytes{labels}": size}


UNHANDLED: Final = 'crm_bus_oldest_unhandled_seconds{service="search",group="search.index",topic="crm.deal"}'
GROUP: Final = {"group": "search.index", "topic": "crm.deal"}
DISK: Final = {"instance": "db-1", "mountpoint": "/data", "fstype": "ext4"}
GIB: Final = 1024**3


def of_canary(**hops: str) -> dict[str, str]:
    return {f'crm_canary_last_success_timestamp_seconds{{hop="{hop}"}}': values for hop, values in hops.items()}


CANARY_SECONDS: Final = 'crm_canary_hop_seconds_bucket{hop="report",le="%s"}'

CAUSES: Final = (
    Case(
        "CanaryMoveLost",
        {"hop": "search"},
        of_canary(move="0+15x200", search="0+15x8 120x20 420+15x200", report="0+15x200"),
        fires="6m",
        clears="9m",
        severity="page",
    ),
    Case(
        "CanaryMoveLost",  # nothing can be moved, and so nothing is seen
        {"hop": "move"},
        of_canary(move="0+15x8 120x20 420+15x200", search="0+15x8 120x20 420+15x200"),
        fires="6m",
        clears="9m",
        severity="page",
    ),
    Case(
        "CanaryHopSlow",
        {"hop": "report"},
        {
            CANARY_SECONDS % "2.0": "0x80 0+2x160",
            CANARY_SECONDS % "10.0": "0+1x80 80+2x160",
            CANARY_SECONDS % "+Inf": "0+1x80 80+2x160",
        },
        fires="15m",
        clears="40m",
    ),
    Case(
        "ProcessMissing",
        {"job": "crm", "service": "deals", "role": "worker"},
        {'up{job="crm",service="deals",role="worker"}': "1x8 0x20 1x100"},
        fires="5m",
        clears="9m",
        severity="page",
    ),
    Case(
        "ProcessMissing",  # not found at all
        {"job": "crm", "service": "deals", "role": "worker"},
        {'up{job="crm",service="deals",role="worker"}': "1x8 stale _x20 1x100"},
        fires="5m",
        clears="9m",
        severity="page",
    ),
    Case(
        "KafkaAway",
        {"service": "deals"},
        {'crm_bus_looked_timestamp_seconds{service="deals",role="worker"}': "0+15x8 120x20 420+15x100"},
        fires="4m",
        clears="10m",
        severity="page",
    ),
    Case(
        "RelayWithoutLeader",
        {"service": "deals"},
        of_relay("0x200", leads="1x8 0x20 1x100"),
        fires="5m",
        clears="9m",
        severity="page",
    ),
    Case("OutboxAges", {"service": "deals"}, of_relay("0x8 0+15x12 0x100"), fires="5m", clears="8m", severity="page"),
    Case(
        "OutboxAges",  # of a relay that leads and hangs, what it measured last says nothing
        {"service": "deals"},
        of_relay("0x200", measured="0+15x8 120x20 420+15x100"),
        fires="6m",
        clears="9m",
        severity="page",
    ),
    Case("ConsumerStuck", GROUP, {UNHANDLED: "0x4 0+15x16 0x100"}, fires="4m", clears="8m", severity="page"),
    Case("DiskAlmostFull", DISK, of_disk("50x8 4x20 60x600"), fires="5m", clears="11m", severity="page"),
    Case(
        "ConsumerBehind",
        GROUP,
        {UNHANDLED: "0x4 700+5x80 0x100"},  # it comes up more slowly than records come, without standing still
        fires="15m",
        clears="25m",
    ),
    Case(
        "DeadLetters",
        {"service": "deals", "group": "deals.webhooks", "topic": "crm.deal"},
        {
            'crm_bus_dead_lettered_total{service="deals",group="deals.webhooks",topic="crm.deal",verb="won"}': (
                "0x8 2x300"
            )
        },
        fires="4m",
        clears="40m",
    ),
    Case("RelayHoldsRows", {"service": "deals"}, {'crm_relay_held_rows{service="deals"}': "0x4 1x8 0x40"}, "2m", "6m"),
    Case(
        "BackgroundWorkFails",
        {"service": "deals", "work": "webhooks"},
        {'crm_background_rounds_total{service="deals",work="webhooks",outcome="failed"}': "0x4 0+1x40 40x300"},
        fires="11m",
        clears="50m",
    ),
    Case(
        "WebhooksRefused",
        {"service": "deals"},
        {
            'crm_webhook_attempts_total{service="deals",outcome="delivered"}': "0x240 0+9x400",
            'crm_webhook_attempts_total{service="deals",outcome="retried"}': "0+9x240 2160x400",
        },
        fires="40m",
        clears="120m",
    ),
    Case(
        "LoopHeld",
        {"service": "deals", "role": "api"},
        {
            'crm_event_loop_held_seconds_count{service="deals",role="api"}': "0+300x300",
            'crm_event_loop_held_seconds_bucket{service="deals",role="api",le="1.0"}': "0+300x10 3299+300x290",
        },
        fires="4m",
        clears="30m",
    ),
    Case(
        "PoolExhausted",
        {"service": "deals", "role": "api"},
        {'crm_database_acquire_timeouts_total{service="deals",role="api"}': "0x8 5x300"},
        fires="4m",
        clears="30m",
    ),
    Case(
        "ReplicationSlotGrows",
        {"slot": "crm_deals_cdc"},
        {'crm_postgres_slot_retained_bytes{service="deals",slot="crm_deals_cdc"}': f"0x4 0+{GIB}x20 0x40"},
        fires="6m",
        clears="9m",
    ),
    Case("DiskFills", DISK, of_disk("30-0.1x200 60x400"), fires="45m", clears="70m"),
    Case(
        "CertificateEnds",
        {"instance": "crm.example"},
        {'probe_ssl_earliest_cert_expiry{instance="crm.example"}': f"{13 * 86400}x20 {90 * 86400}x40"},
        fires="3m",
        clears="7m",
    ),
    Case(
        "ClockOff", {"service": "deals"}, {'crm_clock_offset_seconds{service="deals"}': "0x4 -3x12 0.01x40"}, "4m", "7m"
    ),
    Case(
        "RequestsOverLimit",
        {"service": "deals"},
        {'crm_http_requests_total{service="deals",route="/v1/deals",status="429"}': "0+300x20 6000x40"},
        fires="4m",
        clears="8m",
    ),
    Case(
        "ProjectionDiffers",
        {"service": "search"},
        {'crm_search_differences{service="search",kind="missing"}': "3x80 0x40"},
        fires="17m",
        clears="25m",
    ),
)

BOUNDS: Final = {
    "ApiLatency": ("crm_http_request_seconds", "service", "deals", "0.5", ""),
    "Freshness": ("crm_bus_freshness_seconds", "group", "search.index", "1.0", ',told="live"'),
    "WebhookDelivery": ("crm_webhook_first_attempt_seconds", "service", "deals", "5.0", ""),
}


def of_events(objective: str, every_minute: str, good_every_minute: str, *, more: str | None = None) -> dict[str, str]:
    """Return the series of an objective: all events, and the good ones. Availability counts the bad ones."""
    name, by, value, bound, labels = BOUNDS[objective]
    having = (more if more is not None else labels).removeprefix(",")
    comma = f",{having}" if having else ""
    return {
        f'{name}_count{{{by}="{value}"{comma}}}': every_minute,
        f'{name}_bucket{{{by}="{value}",le="{bound}"{comma}}}': good_every_minute,
    }


def of_answers(everything: str, bad: str) -> dict[str, str]:
    route = 'service="deals",route="/v1/deals",method="GET"'
    return {
        f"crm_http_request_seconds_count{{{route}}}": everything,
        f'crm_http_requests_total{{{route},status="500"}}': bad,
    }


def list_burning() -> Iterator[Case]:
    """Burn each budget: for 20 minutes a fifth of all is bad, which pages; then three times what may be, for days."""
    bad_of_all = {"ApiAvailability": 3, "ApiLatency": 30, "Freshness": 3, "WebhookDelivery": 30}
    for objective, slowly in bad_of_all.items():
        slug = {"ApiAvailability": "api-availability", "ApiLatency": "api-latency", "Freshness": "freshness"}.get(
            objective, "webhook-delivery"
        )
        by = {"Freshness": {"group": "search.index"}}.get(objective, {"service": "deals"})
        labels = {"slo": slug, **by}
        if objective == "ApiAvailability":
            fast = of_answers("0+1000x500", "0+200x20 4000x480")
            slow = of_answers("0+1000x540", f"0+{slowly}x60 {slowly * 60}x480")
        else:
            fast = of_events(objective, "0+1000x500", "0+800x20 16800+1000x479")
            begin = 61 * (1000 - slowly) + slowly
            slow = of_events(objective, "0+1000x540", f"0+{1000 - slowly}x60 {begin}+1000x479")
        yield Case(objective, labels, fast, "15m", "60m", severity="page", step="1m")
        yield Case(objective, labels, slow, "50m", "460m", severity="ticket", step="1m")


CALM: Final = (
    Calm("nothing is asked", of_answers("1000x60", "0x60")),
    Calm("a process starts anew and counts from nothing", of_answers("0+1000x10 0+1000x40", "0+0x60")),
    Calm("one of a hundred requests fails, and there were no more", of_answers("0+10x10 100x60", "0x5 1x60")),
    Calm("snapshots come late", of_events("Freshness", "0+1000x60", "0x60", more=',told="snapshot"')),
    Calm(
        "what has waited for a relay that was missing comes late, and whoever was woken for that knows",
        {
            **of_events("Freshness", "0+1000x100", "0+1000x5 5000x15 20000+1000x80"),
            'up{job="crm",service="deals",role="relay"}': "1x5 0x15 1x80",
        },
        severity="page",
    ),
    Calm("a group catches up", {UNHANDLED: "500-100x4 0x40"}, look="5m"),
    Calm("a slot is held for a moment", {'crm_postgres_slot_retained_bytes{slot="s"}': f"{GIB}x60"}),
    Calm(
        "a relay stands by beside the leader",
        {
            **of_relay("0x200", measured="0+60x200"),
            'crm_relay_is_leader{service="deals",role="relay",instance="2"}': "0x200",
        },
    ),
)
