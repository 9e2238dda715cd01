"""What Prometheus and Alertmanager are given is what the code says, and they take it."""

import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_observability.generate import FOLDER, make_files
from crm_observability.prometheus_tools import Tool, find_tool
from crm_shared.service_registry import PUBLISHERS, SERVICES

PROMETHEUS: Final = FOLDER / "prometheus" / "prometheus.yml"
ALERTMANAGER: Final = FOLDER / "alertmanager" / "alertmanager.yml"
ROUTES: Final = [({"severity": "page"}, "pages"), ({"severity": "ticket"}, "tickets"), ({}, "tickets")]


def run(tool: Tool, *arguments: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - a tool of Prometheus'
        [find_tool(tool), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_files_are_what_the_code_says() -> None:
    made = make_files()
    kept = {name: (FOLDER / name).read_text("utf-8") for name in made if (FOLDER / name).exists()}
    assert kept == made, "run `make rules` and look at the diff"
    generated = {str(path.relative_to(FOLDER)) for path in (FOLDER / "prometheus" / "rules").iterdir()}
    generated |= {str(path.relative_to(FOLDER)) for path in (FOLDER / "dashboards").glob("*")}
    assert generated == set(made), "a file that nothing makes any more"


def test_prometheus_and_alertmanager_take_them() -> None:
    run("promtool", "check", "config", PROMETHEUS)
    run("amtool", "check-config", ALERTMANAGER)


@pytest.mark.parametrize(("labels", "receiver"), ROUTES)
def test_pages_and_tickets_go_to_different_people(labels: dict[str, str], receiver: str) -> None:
    labelled = [f"{name}={value}" for name, value in labels.items()]
    assert run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labelled).strip() == receiver


def test_every_process_is_scraped() -> None:
    job, canary = yaml.safe_load(PROMETHEUS.read_text("utf-8"))["scrape_configs"]
    assert {one["target_label"]: one["replacement"] for one in canary["relabel_configs"]} == {
        "job": job["job_name"],
        "service": "canary",
        "role": "canary",
    }
    targets = {target.partition(":")[0] for group in job["static_configs"] for target in group["targets"]}
    assert targets == {
        *(f"{service}-{role}" for role in ("api", "worker") for service in SERVICES),
        *(f"{service}-relay" for service in PUBLISHERS),
    }
