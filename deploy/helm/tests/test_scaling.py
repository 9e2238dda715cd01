"""What KEDA asks Prometheus: seconds behind, and nothing at all where more workers would only wait as well."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import read

from crm_observability.prometheus_tools import find_tool

SCALERS: Final = [one for one in read("values") if one["kind"] == "ScaledObject"]
# Search's worker, as it is scraped: one pod at 60 s behind and one at 20 s, and what each has handled.
LABELS: Final = 'namespace="crm",service="search",role="worker"'
OTHERS: Final = 'namespace="crm",service="deals",role="worker"'


def query_of(service: str) -> str:
    (scaler,) = [one for one in SCALERS if one["metadata"]["name"] == f"crm-{service}-worker"]
    query: str = scaler["spec"]["triggers"][0]["metadata"]["query"]
    return query


def behind(seconds: int, pod: str = "one", labels: str = LABELS) -> dict[str, str]:
    return {"series": f'crm_bus_oldest_unhandled_seconds{{{labels},pod="{pod}"}}', "values": f"{seconds}x20"}


def handled(each_time: int, labels: str = LABELS) -> dict[str, str]:
    return {"series": f'crm_bus_consumed_total{{{labels},pod="one"}}', "values": f"0+{each_time}x20"}


@pytest.mark.parametrize(
    ("series", "answer"),
    [
        pytest.param([behind(60), behind(20, "two"), handled(5)], 60, id="the one that is furthest behind counts"),
        pytest.param([behind(60), handled(0)], None, id="nothing is handled: a store is away"),
        pytest.param([behind(0), handled(0)], 0, id="nothing is there to handle: fewer will do"),
        pytest.param([behind(60, labels=OTHERS), handled(5, OTHERS)], None, id="of others alone"),
        pytest.param([], None, id="nobody is scraped"),
    ],
)
def test_the_question_has_an_answer_where_more_or_fewer_workers_help(
    series: list[dict[str, str]], answer: int | None, tmp_path: Path
) -> None:
    samples = [] if answer is None else [{"labels": "{}", "value": answer}]
    test: dict[str, Any] = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [{"expr": query_of("search"), "eval_time": "4m", "exp_samples": samples}],
    }
    file = tmp_path / "scaling.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    done = subprocess.run(  # noqa: S603 - a tool of Prometheus'
        [find_tool("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_answer_leaves_the_workers_as_many_as_they_are() -> None:
    for scaler in SCALERS:
        spec = scaler["spec"]
        assert spec["triggers"][0]["metadata"]["ignoreNullValues"] == "false"
        assert "fallback" not in spec
        # A group that is shared anew each minute handles less than one that stays.
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 300
        assert spec["minReplicaCount"] >= 1
