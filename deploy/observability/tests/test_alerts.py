"""Every alert fires on what it is for, and clears: Prometheus' own rules on simulated hours."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.observability.tests.alert_cases import CALM, CAUSES, UP, Calm, Case, list_burning

from crm_observability.generate import FOLDER
from crm_observability.prometheus_tools import find_tool
from crm_observability.rules import make_rule_files

CASES: Final = (*CAUSES, *list_burning())
RULES: Final = [
    rule
    for content in make_rule_files().values()
    for group in content["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


def write_series(series: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in ({**UP, **series}).items()]


def write_alert(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"ALERTS{{{pairs}}}"


def firing(alert: str | None, **labels: str) -> str:
    return write_alert({"alertstate": "firing", **({"alertname": alert} if alert else {}), **labels})


def expect(expression: str, at: str, *found: Mapping[str, str]) -> dict[str, Any]:
    samples = [{"labels": write_alert(labels), "value": 1} for labels in found]
    return {"expr": expression, "eval_time": at, "exp_samples": samples}


def write_case(case: Case) -> dict[str, Any]:
    severity = case.severity
    expected = {"alertname": case.alert, "alertstate": "firing", "severity": severity, **case.labels}
    of_pages = firing(None, severity="page")
    return {
        "interval": case.step,
        "name": f"{case.alert} ({severity})",
        "input_series": write_series(case.series),
        "promql_expr_test": [
            expect(firing(case.alert, severity=severity), case.fires, expected),
            # Whoever is woken is woken once: a page comes alone, a ticket without any.
            expect(of_pages, case.fires, *([expected] if severity == "page" else [])),
            expect(firing(case.alert, severity=severity), case.clears),
            expect(of_pages, case.clears),
        ],
    }


def write_calm(calm: Calm) -> dict[str, Any]:
    return {
        "interval": calm.step,
        "name": calm.name,
        "input_series": write_series(calm.series),
        "promql_expr_test": [
            expect(firing(None, **({} if calm.severity is None else {"severity": calm.severity})), calm.look)
        ],
    }


def test_every_alert_fires_and_clears_and_nothing_else_pages(tmp_path: Path) -> None:
    promtool = find_tool("promtool")
    files = {path.stem: str(path) for path in (FOLDER / "prometheus" / "rules").glob("*.yml")}
    assert set(files) == {"causes", "objectives"}
    causes = [write_case(case) for case in CAUSES]
    budgets = [*map(write_case, list_burning()), *map(write_calm, CALM)]
    for name, rule_files, every, tests in (
        ("causes", [files["causes"]], "30s", causes),
        # Seldom, since they go on for hours; what holds for minutes is looked at by the first.
        ("budgets", [*files.values()], "5m", budgets),
    ):
        content = {"rule_files": rule_files, "evaluation_interval": every, "tests": tests}
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    done = subprocess.run(  # noqa: S603 - Prometheus' own tool
        [promtool, "test", "rules", *map(str, sorted(tmp_path.iterdir()))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_is_left_out() -> None:
    shown = {(case.alert, case.severity) for case in CASES}
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in RULES} == shown


def test_a_summary_names_labels_that_its_alert_has() -> None:
    labels = {case.alert: {*case.labels, "severity"} for case in CASES}
    for rule in RULES:
        texts = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", texts)) <= labels[rule["alert"]], rule["alert"]
        assert {"summary", "runbook_url", "dashboard_url"} == set(rule["annotations"])
