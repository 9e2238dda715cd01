"""Who is woken by what: few pages, for what people feel or soon will; tickets for what leads there."""

from dataclasses import dataclass
from typing import Final, Literal

from crm_shared.service_registry import PUBLISHERS, SERVICES

Severity = Literal["page", "ticket"]


@dataclass(frozen=True, slots=True)
class Alert:
    """`summary` has the numbers, in Prometheus' templates; `dashboard` is the one to look at, with its variables."""

    name: str
    severity: Severity
    expression: str
    held_for: str
    summary: str
    dashboard: str = "crm-bus"
    kept_for: str | None = None
    """How long it stays after its cause has ended, so that it goes on holding back what follows from that."""


def _list_processes() -> list[tuple[str, str]]:
    return [
        *((service, role) for role in ("api", "worker") for service in SERVICES),
        *((service, "relay") for service in PUBLISHERS),
    ]


# Of what is no longer found at all there is no `up` that could be 0.
_NOBODY_ANSWERS: Final = " or ".join(
    [
        'sum by (job, service, role) (up{job="crm"}) == 0',
        *(f'absent(up{{job="crm",service="{service}",role="{role}"}})' for service, role in _list_processes()),
    ]
)
_OF_SERVICE: Final = "crm-service-{{ $labels.service }}"

PAGES: Final = (
    Alert(
        "ProcessMissing",
        "page",
        _NOBODY_ANSWERS,
        "45s",
        "No {{ $labels.role }} of {{ $labels.service }} answers",
    ),
    Alert(
        "KafkaAway",
        "page",
        "time() - max by (service) (crm_bus_looked_timestamp_seconds) > 30",
        "0s",
        "Workers of {{ $labels.service }} have not reached Kafka for {{ humanizeDuration $value }}",
        kept_for="1m",
    ),
    Alert(
        "RelayWithoutLeader",
        "page",
        "max by (service) (crm_relay_is_leader) == 0",
        "1m",
        "No relay of {{ $labels.service }} publishes: PostgreSQL does not let it lead",
        _OF_SERVICE,
    ),
    Alert(
        "OutboxAges",
        "page",
        "max by (service) (crm_relay_oldest_row_age_seconds) > 30"
        " or (time() - max by (service) (crm_relay_measured_timestamp_seconds) > 60"
        " and max by (service) (crm_relay_is_leader) == 1)",
        "30s",
        "The outbox of {{ $labels.service }} has waited for {{ humanizeDuration $value }}: nobody hears of its changes",
        _OF_SERVICE,
    ),
    Alert(
        "ConsumerStuck",
        "page",
        "max by (group, topic) (crm_bus_oldest_unhandled_seconds) > 45"
        " and max by (group, topic) (deriv(crm_bus_oldest_unhandled_seconds[1m])) > 0.9",
        "15s",
        "{{ $labels.group }} stands still before {{ $labels.topic }} for {{ humanizeDuration $value }}",
    ),
    Alert(
        "DiskAlmostFull",
        "page",
        'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes < 0.05',
        "0s",
        "{{ $labels.mountpoint }} of {{ $labels.instance }} has {{ humanizePercentage $value }} left",
        kept_for="2m",
    ),
)


def _ask_canary(having: str = "") -> str:
    return f"time() - max by (hop) (crm_canary_last_success_timestamp_seconds{having}) > 120"


# Of a move that could not be made nothing is to be seen: that is one trouble, not five.
_MOVE: Final = _ask_canary('{hop="move"}')

CANARY: Final = (
    Alert(
        "CanaryMoveLost",
        "page",
        f"({_ask_canary()}) unless on () ({_MOVE}) or ({_MOVE})",
        "1m",
        "The canary's moves are not to be seen for {{ humanizeDuration $value }}: {{ $labels.hop }}",
    ),
    Alert(
        "CanaryHopSlow",
        "ticket",
        "histogram_quantile(0.9, sum by (hop, le) (rate(crm_canary_hop_seconds_bucket[15m]))) > 5",
        "5m",
        "One of ten of the canary's moves takes over {{ humanizeDuration $value }} until it is seen: {{ $labels.hop }}",
    ),
)

TICKETS: Final = (
    Alert(
        "ConsumerBehind",
        "ticket",
        "max by (group, topic) (crm_bus_oldest_unhandled_seconds) > 600",
        "10m",
        "{{ $labels.group }} is {{ humanizeDuration $value }} behind on {{ $labels.topic }}",
    ),
    Alert(
        "DeadLetters",
        "ticket",
        "sum by (service, group, topic) (increase(crm_bus_dead_lettered_total[10m])) > 0",
        "0s",
        "About {{ $value | printf `%.0f` }} records of {{ $labels.topic }} were set aside by {{ $labels.group }};"
        " once mended: crm-{{ $labels.service }} redrive --group {{ $labels.group }}",
    ),
    Alert(
        "RelayHoldsRows",
        "ticket",
        "max by (service) (crm_relay_held_rows) > 0",
        "0s",
        "{{ $value }} rows in the outbox of {{ $labels.service }} are too large for Kafka",
        _OF_SERVICE,
    ),
    Alert(
        "BackgroundWorkFails",
        "ticket",
        'sum by (service, work) (increase(crm_background_rounds_total{outcome="failed"}[30m])) > 2',
        "5m",
        "{{ $labels.work }} of {{ $labels.service }} failed about {{ $value | printf `%.0f` }} times in 30 minutes",
        _OF_SERVICE,
    ),
    Alert(
        "WebhooksRefused",
        "ticket",
        'sum by (service) (rate(crm_webhook_attempts_total{outcome!="delivered"}[30m]))'
        " / (sum by (service) (rate(crm_webhook_attempts_total[30m])) > 0.01) > 0.5",
        "30m",
        "{{ humanizePercentage $value }} of the attempts to deliver webhooks fail",
        _OF_SERVICE,
    ),
    Alert(
        "LoopHeld",
        "ticket",
        "sum by (service, role) (increase(crm_event_loop_held_seconds_count[15m]))"
        ' - sum by (service, role) (increase(crm_event_loop_held_seconds_bucket{le="1.0"}[15m])) > 0.5',
        "0s",
        "A {{ $labels.role }} of {{ $labels.service }} computed for over a second: nothing else ran meanwhile",
        _OF_SERVICE,
    ),
    Alert(
        "PoolExhausted",
        "ticket",
        "sum by (service, role) (increase(crm_database_acquire_timeouts_total[15m])) > 0",
        "0s",
        "About {{ $value | printf `%.0f` }} times no connection to PostgreSQL was free in time in {{ $labels.role }}"
        " of {{ $labels.service }}",
        _OF_SERVICE,
    ),
    Alert(
        "ReplicationSlotGrows",
        "ticket",
        "max by (slot) (crm_postgres_slot_retained_bytes) > 1024 ^ 3",
        "15s",
        "PostgreSQL keeps {{ humanize1024 $value }}B of log for the slot {{ $labels.slot }}",
    ),
    Alert(
        "DiskFills",
        "ticket",
        'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes < 0.2'
        " and predict_linear(node_filesystem_avail_bytes[1h], 24 * 3600) < 0",
        "10m",
        "{{ $labels.mountpoint }} of {{ $labels.instance }} is full within a day: {{ humanizePercentage $value }} left",
    ),
    Alert(
        "CertificateEnds",
        "ticket",
        "probe_ssl_earliest_cert_expiry - time() < 14 * 24 * 3600",
        "1m",
        "The certificate of {{ $labels.instance }} ends in {{ humanizeDuration $value }}",
    ),
    Alert(
        "ClockOff",
        "ticket",
        "max by (service) (abs(crm_clock_offset_seconds)) > 2",
        "30s",
        "The clocks of {{ $labels.service }} and of PostgreSQL are {{ humanizeDuration $value }} apart",
        _OF_SERVICE,
    ),
    Alert(
        "RequestsOverLimit",
        "ticket",
        'sum by (service) (rate(crm_http_requests_total{status="429"}[1m])) > 5',
        "30s",
        "{{ $labels.service }} refuses {{ $value | printf `%.0f` }} requests a second as too many: a tenant floods it",
        _OF_SERVICE,
    ),
    Alert(
        "ProjectionDiffers",
        "ticket",
        "max by (service) (crm_search_differences) > 0 or max by (service) (crm_reporting_differences) > 0",
        "15m",
        "{{ $value }} records of {{ $labels.service }} are not what their owners say",
        _OF_SERVICE,
    ),
)

ALERTS: Final = (*PAGES, *CANARY, *TICKETS)
