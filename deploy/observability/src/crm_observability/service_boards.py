"""A service's dashboard: its requests, what it consumes and does by itself, its relay, its processes."""

from crm_observability.panels import RATE, Board, Row, one, quantile
from crm_shared.service_registry import PUBLISHERS


def board_of_service(service: str) -> Board:
    of = f'service="{service}"'
    rows = [_requests_of(of), _work_of(of)]
    if service in PUBLISHERS:
        rows.append(_relay_of(of))
    if service == "deals":
        rows.append(_webhooks())
    rows.append(_process_of(of))
    return Board(f"crm-service-{service}", f"CRM: {service}", rows)


def _requests_of(of: str) -> Row:
    requests = f"sum by (method, route) (rate(crm_http_requests_total{{{of}}}{RATE}))"
    failed = f'sum by (method, route) (rate(crm_http_requests_total{{{of},status=~"5.."}}{RATE}))'
    return Row(
        "Requests, by route",
        [
            one("Requests, the ten most asked", "reqps", f"topk(10, {requests})", "{{method}} {{route}}"),
            one("Errors of ours", "reqps", f"topk(10, {failed} or 0 * {requests})", "{{method}} {{route}}"),
            one(
                "99 % of requests within, the ten slowest",
                "s",
                f"topk(10, {quantile(0.99, 'crm_http_request_seconds', 'method, route', of)})",
                "{{method}} {{route}}",
                limit=0.5,
            ),
        ],
    )


def _work_of(of: str) -> Row:
    rounds = f"rate(crm_background_rounds_total{{{of}}}{RATE})"
    return Row(
        "What it consumes, and does by itself",
        [
            one(
                "Oldest record yet to be handled",
                "s",
                f"max by (group, topic) (crm_bus_oldest_unhandled_seconds{{{of}}})",
                "{{group}} {{topic}}",
                limit=60,
            ),
            one(
                "99 % of batches handled within",
                "s",
                quantile(0.99, "crm_bus_handler_seconds", "group", of),
                "{{group}}",
            ),
            one(
                "From write to projection, 99 % of changes",
                "s",
                quantile(0.99, "crm_bus_freshness_seconds", "group", f'{of},told="live"'),
                "{{group}}",
                limit=1,
            ),
            one("Handled", "ops", f"sum by (group) (rate(crm_bus_consumed_total{{{of}}}{RATE}))", "{{group}}"),
            one(
                "Dead letters, in an hour",
                "short",
                f"sum by (group, topic) (increase(crm_bus_dead_lettered_total{{{of}}}[1h]))",
                "{{group}} {{topic}}",
                limit=1,
            ),
            one("Rounds of its own work", "ops", f"sum by (work, outcome) ({rounds})", "{{work}}: {{outcome}}"),
        ],
    )


def _relay_of(of: str) -> Row:
    return Row(
        "Relay",
        [
            one("Age of the first row", "s", f"max(crm_relay_oldest_row_age_seconds{{{of}}})", "outbox", limit=30),
            one("Rows that wait", "short", f"max(crm_relay_backlog_rows{{{of}}})", "outbox"),
            one("Relays that lead", "short", f"sum(crm_relay_is_leader{{{of}}})", "leaders"),
        ],
    )


def _webhooks() -> Row:
    return Row(
        "Webhooks",
        [
            one("Attempts", "ops", f"sum by (outcome) (rate(crm_webhook_attempts_total{RATE}))", "{{outcome}}"),
            one(
                "99 % are tried first within",
                "s",
                quantile(0.99, "crm_webhook_first_attempt_seconds", "service"),
                "first attempt",
                limit=5,
            ),
            one(
                "Endpoints switched off, in a day",
                "short",
                "sum(increase(crm_webhook_disabled_total[1d]))",
                "endpoints",
            ),
        ],
    )


def _process_of(of: str) -> Row:
    return Row(
        "Processes",
        [
            one(
                "Connections to PostgreSQL",
                "short",
                f"sum by (login, state) (crm_database_connections{{{of}}})",
                "{{login}} {{state}}",
            ),
            one(
                "Waited for a connection, 99 %",
                "s",
                quantile(0.99, "crm_database_acquire_seconds", "login", of),
                "{{login}}",
                limit=1,
            ),
            one(
                "The loop held itself up, 99.9 %",
                "s",
                quantile(0.999, "crm_event_loop_held_seconds", "role", of),
                "{{role}}",
                limit=1,
            ),
            one("Memory", "bytes", f"max by (role) (process_resident_memory_bytes{{{of}}})", "{{role}}"),
            one(
                "Processor time", "short", f"sum by (role) (rate(process_cpu_seconds_total{{{of}}}{RATE}))", "{{role}}"
            ),
            one("Open files", "short", f"max by (role) (process_open_fds{{{of}}})", "{{role}}"),
        ],
    )
