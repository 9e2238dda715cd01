"""Prometheus' rules: recorded shares of bad events, burn-rate alerts in several windows, and alerts by cause.

A budget's alert asks two windows at once: the long one says that it matters, the short one that it goes on.
"""

from collections.abc import Iterator
from typing import Any, Final

from crm_observability.alerts import ALERTS, Alert
from crm_observability.objectives import OBJECTIVES, WINDOWS, Objective, ratio_over

# Where a site has the pages and the dashboards it says once, in Prometheus' external labels.
RUNBOOKS: Final = "{{ $externalLabels.docs_url }}/operations/runbooks"
DASHBOARDS: Final = "{{ $externalLabels.grafana_url }}/d"
FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
SLOW: Final = ((1.0, "3d", "6h"),)
LONG_WINDOWS: Final = ("1h", "6h", "3d")
CAUSE_SPEAKS_FIRST: Final = "2m"
"""For so long a budget's page waits: whatever has an alert of its own is told of by then."""
REMEMBERED: Final = "40m"
"""A page's longest short window, with the five minutes that each of its samples counts, and some more."""
LEAST_BAD_EVENTS: Final = 10
"""Fewer wake nobody: where little is asked, one failure of a hundred would burn a budget ten times too fast."""

Rule = dict[str, Any]


def make_rule_files() -> dict[str, dict[str, Any]]:
    """Return the content of each rule file by its name."""
    # In one group, so that each rule reads what those before it have just recorded.
    recording = {"name": "crm-objectives", "rules": [*_count(), *_sum_up()]}
    burning = {"name": "crm-budgets", "rules": [rule for one in OBJECTIVES for rule in _burn(one)]}
    causes = {"name": "crm-causes", "rules": [_to_rule(alert) for alert in ALERTS]}
    return {"objectives.yml": {"groups": [recording, burning]}, "causes.yml": {"groups": [causes]}}


def _count() -> Iterator[Rule]:
    for objective in OBJECTIVES:
        for name, expression in (("events", objective.all_events), ("bad_events", objective.bad_events)):
            yield {
                "record": f"crm_slo:{name}:increase{WINDOWS[0]}",
                "expr": expression.replace("$window", WINDOWS[0]),
                "labels": {"slo": objective.slug},
            }


def _sum_up() -> Iterator[Rule]:
    shortest, *longer = WINDOWS
    as_counted = f"crm_slo:bad_events:increase{shortest} / (crm_slo:events:increase{shortest} > 0)"
    yield {"record": f"crm_slo:bad_events:ratio{shortest}", "expr": as_counted}
    for window in longer:
        yield {"record": f"crm_slo:bad_events:ratio{window}", "expr": ratio_over(window)}
    for window in LONG_WINDOWS:
        expression = f"sum_over_time(crm_slo:bad_events:increase5m[{window}:5m])"
        yield {"record": f"crm_slo:bad_events:increase{window}", "expr": expression}


def _burn(objective: Objective) -> Iterator[Rule]:
    for severity, pairs in (("page", FAST), ("ticket", SLOW)):
        burning = "\nor\n".join(_ask_both(objective, *pair) for pair in pairs)
        is_page = severity == "page"
        yield {
            "alert": objective.name,
            "expr": f"({burning})\nunless on ()\n{_remember(objective.known_causes)}" if is_page else burning,
            **({"for": CAUSE_SPEAKS_FIRST} if is_page else {}),
            "labels": {"severity": severity, "slo": objective.slug},
            "annotations": _annotate(
                objective.name,
                f"{{{{ $labels.{objective.by} }}}}: {{{{ humanizePercentage $value }}}} of events were bad of late;"
                f" promised is that {objective.promise}",
                f"crm-slo-{objective.slug}",
            ),
        }


def _remember(causes: tuple[str, ...]) -> str:
    """Ask for the alerts that say what burns the budget, and have of late: whoever mends that needs no second page.

    Of an API that is missing nobody measures the answers.
    """
    firing = f'ALERTS{{alertstate="firing",alertname=~"{"|".join(causes)}",role!="api"}}'
    return f"max_over_time({firing}[{REMEMBERED}])"


def _ask_both(objective: Objective, times: float, long: str, short: str) -> str:
    limit = f"{times:g} * {objective.budget:g}"
    enough = f'crm_slo:bad_events:increase{long}{{slo="{objective.slug}"}} >= {LEAST_BAD_EVENTS}'
    return f"({objective.ratio(long)} > {limit} and {objective.ratio(short)} > {limit} and {enough})"


def _to_rule(alert: Alert) -> Rule:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.held_for,
        **({} if alert.kept_for is None else {"keep_firing_for": alert.kept_for}),
        "labels": {"severity": alert.severity},
        "annotations": _annotate(alert.name, alert.summary, alert.dashboard),
    }


def _annotate(name: str, summary: str, dashboard: str) -> dict[str, str]:
    return {
        "summary": summary,
        "runbook_url": f"{RUNBOOKS}/{name}.md",
        "dashboard_url": f"{DASHBOARDS}/{dashboard}",
    }
