"""Every benchmark runs, at a size whose figures say nothing: what a change breaks in them is seen at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import arrival

from crm_local.testing.running import RunningCrm
from crm_local.testing.tenant import Tenant

pytestmark = pytest.mark.engines
ROOT = Path(__file__).parents[2]
PARTS = [
    *("http", "moves", "activities", "boards", "webhooks", "relay", "projection", "duplicates", "imports", "lists"),
    *("timelines", "reports"),
]


def bench(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENCH_SIZE": "tiny"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_part_prints_its_rows() -> None:
    parts = [argument for part in PARTS for argument in ("--only", part)]
    printed = bench(*parts)
    for said in (
        "get ",
        "move",
        "log activities",
        "batch activities",
        "board",
        "webhook",
        "relay",
        "projection",
        "duplicate",
        "import",
        "list",
        "timeline",
        "report ",
    ):
        assert said in printed.lower(), printed


def test_no_part_is_left_out() -> None:
    named = bench("--help").replace("\n", " ")
    assert {*PARTS, "arrival"} == set(named[named.index("{") + 1 : named.index("}")].replace(" ", "").split(","))


async def test_arrival_is_measured_everywhere(crm: RunningCrm, tenant: Tenant) -> None:
    assert crm.pids()
    rows = await arrival.measure(tenant.admin, moves=8)
    assert [row.what.rsplit(" ", 1)[1] for row in rows] == ["timeline", "search", "report"]
