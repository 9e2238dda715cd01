"""The dashboards: the whole bus, each service, each objective."""

from collections.abc import Iterator
from typing import Final

from crm_observability.objectives import OBJECTIVES, PERIOD_DAYS, WINDOWS, Objective, ratio_over
from crm_observability.panels import RATE, Board, Panel, Query, Row, one, quantile
from crm_observability.service_boards import board_of_service
from crm_shared.service_registry import SERVICES

LEGEND: Final = "{{%s}}"


def list_boards() -> Iterator[Board]:
    yield Board("crm-bus", "CRM: the whole bus", [_promises(), _canary(), _on_the_way(), _apis(), _stores()])
    for service in SERVICES:
        yield board_of_service(service)
    for objective in OBJECTIVES:
        yield _of_objective(objective)


def _promises() -> Row:
    panels = [
        one(
            f"{objective.name}: bad of all, 1 h",
            "percentunit",
            objective.ratio("1h"),
            LEGEND % objective.by,
            limit=objective.budget,
        )
        for objective in OBJECTIVES
    ]
    answering = one("Processes that answer", "short", 'sum by (role) (up{job="crm"})', "{{role}}")
    differing = one(
        "Records that are not what their owners say",
        "short",
        "sum by (service) ({__name__=~'crm_(search|reporting)_differences'}) or vector(0)",
        "{{service}}",
        limit=1,
    )
    return Row("What is promised", [*panels, answering, differing])


def _canary() -> Row:
    """Draw what a client sees; nothing where no canary runs."""
    return Row(
        "What the canary sees",
        [
            one(
                "From a move until it is seen, 9 of 10",
                "s",
                quantile(0.9, "crm_canary_hop_seconds", "hop"),
                LEGEND % "hop",
                limit=5,
            ),
            one(
                "Since a move was seen last",
                "s",
                "time() - max by (hop) (crm_canary_last_success_timestamp_seconds)",
                LEGEND % "hop",
                limit=120,
            ),
            one(
                "Moves that were lost, in an hour",
                "short",
                'sum by (hop) (increase(crm_canary_hops_total{outcome="lost"}[1h]))',
                LEGEND % "hop",
                limit=1,
            ),
        ],
    )


def _on_the_way() -> Row:
    return Row("From write to projection", [*_list_outbox_panels(), *_list_consumer_panels()])


def _list_outbox_panels() -> list[Panel]:
    return [
        one(
            "Outbox: age of the first row",
            "s",
            "max by (service) (crm_relay_oldest_row_age_seconds)",
            "{{service}}",
            limit=30,
        ),
        one("Published", "ops", f"sum by (topic) (rate(crm_relay_published_total{RATE}))", "{{topic}}"),
        one("Rows that are held", "short", "max by (service) (crm_relay_held_rows)", "{{service}}", limit=1),
    ]


def _list_consumer_panels() -> list[Panel]:
    return [
        one(
            "Oldest record yet to be handled",
            "s",
            "max by (group) (crm_bus_oldest_unhandled_seconds)",
            "{{group}}",
            limit=60,
        ),
        one(
            "Records before each group",
            "short",
            "sum by (group) (max by (group, topic) (crm_bus_unhandled_records))",
            "{{group}}",
        ),
        one(
            "From write to projection, 99 % of changes",
            "s",
            quantile(0.99, "crm_bus_freshness_seconds", "group", 'told="live"'),
            "{{group}}",
            limit=1,
        ),
        one("Handled", "ops", f"sum by (group) (rate(crm_bus_consumed_total{RATE}))", "{{group}}"),
        one(
            "Tries that failed: a store is away",
            "ops",
            f"sum by (group) (rate(crm_bus_retries_total{RATE}))"
            f" or 0 * sum by (group) (rate(crm_bus_consumed_total{RATE}))",
            "{{group}}",
        ),
        one(
            "Dead letters, in an hour",
            "short",
            "sum by (group) (increase(crm_bus_dead_lettered_total[1h]))",
            "{{group}}",
            limit=1,
        ),
    ]


def _apis() -> Row:
    requests = f"sum by (service) (rate(crm_http_requests_total{RATE}))"
    return Row(
        "APIs",
        [
            one("Requests", "reqps", requests, "{{service}}"),
            one(
                "Errors of ours",
                "reqps",
                f'sum by (service) (rate(crm_http_requests_total{{status=~"5.."}}{RATE})) or 0 * {requests}',
                "{{service}}",
            ),
            one(
                "99 % of requests within",
                "s",
                quantile(0.99, "crm_http_request_seconds", "service"),
                "{{service}}",
                limit=0.5,
            ),
            one(
                "Refused as too many",
                "reqps",
                f'sum by (service) (rate(crm_http_requests_total{{status="429"}}{RATE})) or 0 * {requests}',
                "{{service}}",
                limit=5,
            ),
            one("Webhook attempts", "ops", f"sum by (outcome) (rate(crm_webhook_attempts_total{RATE}))", "{{outcome}}"),
            one(
                "Processor time",
                "short",
                f'sum by (service, role) (rate(process_cpu_seconds_total{{job="crm"}}{RATE}))',
                "{{service}} {{role}}",
            ),
        ],
    )


def _stores() -> Row:
    return Row(
        "PostgreSQL and clocks",
        [
            one(
                "Connections in use, of those allowed",
                "percentunit",
                'sum by (login) (crm_database_connections{state="in_use"})'
                " / sum by (login) (crm_database_connections_max)",
                "{{login}}",
                limit=1,
            ),
            one(
                "Log kept for slots",
                "bytes",
                "max by (slot) (crm_postgres_slot_retained_bytes) or vector(0)",
                "{{slot}}",
                limit=2 * 1024**3,
            ),
            one(
                "Clocks apart from PostgreSQL's",
                "s",
                "max by (service) (abs(crm_clock_offset_seconds))",
                "{{service}}",
                limit=2,
            ),
        ],
    )


def _of_objective(objective: Objective) -> Board:
    legend = LEGEND % objective.by
    by_window = tuple(Query(objective.ratio(window), f"{window} {legend}") for window in WINDOWS)
    bad_of_all = ratio_over(f"{PERIOD_DAYS}d:5m", f'{{slo="{objective.slug}"}}')
    panels = [
        one(
            f"Budget left of {PERIOD_DAYS} days",
            "percentunit",
            f"1 - {bad_of_all} / {objective.budget:g}",
            legend,
        ),
        one(
            "How many times too fast, 1 h",
            "short",
            f"{objective.ratio('1h')} / {objective.budget:g}",
            legend,
            limit=14.4,
        ),
        Panel("Bad of all, by window", "percentunit", by_window, objective.budget),
        one("Events in five minutes", "short", f'crm_slo:events:increase5m{{slo="{objective.slug}"}}', legend),
        one("Bad ones", "short", f'crm_slo:bad_events:increase5m{{slo="{objective.slug}"}}', legend),
    ]
    return Board(f"crm-slo-{objective.slug}", f"CRM: {objective.name}", [Row(objective.promise, panels)])
