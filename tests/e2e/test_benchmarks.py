"""Every benchmark runs, at a size whose figures say nothing: what a change breaks in them is seen at once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import arrival, costs, own_writes
from benchmarks.__main__ import main

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant

pytestmark = [pytest.mark.engines, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
WIDE = "400"
"""So many letters that no cell is broken over two lines, whatever stands in the others."""
PARTS = [
    *("http", "moves", "activities", "boards", "webhooks", "relay", "projection", "duplicates", "imports", "lists"),
    *("timelines", "reports", "history", "feeds", "long-pages", "long-batches", "reminders", "long-import"),
    "next-steps",
]


def bench(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENCH_SIZE": "tiny", "COLUMNS": WIDE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_part_prints_its_rows() -> None:
    parts = [argument for part in PARTS for argument in ("--only", part)]
    printed = bench(*parts)
    for expected in (
        "get ",
        "move",
        "log activities",
        "batch activities",
        "calendar feed",
        "page, file and batches",
        "custom lists",
        "reminders due",
        "board",
        "webhook",
        "relay",
        "projection",
        "duplicate",
        "import",
        "list",
        "timeline",
        "next_step",
        "report ",
        "with history",
    ):
        assert expected in printed.lower(), printed


def test_no_part_is_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--help"])
    monkeypatch.setenv("COLUMNS", WIDE)
    with pytest.raises(SystemExit, match="0"):
        main()
    named = capsys.readouterr().out.replace("\n", " ")
    # `relevance`, `search` and `indexing` run in services/search/tests/integration, on the engine that is there.
    offered = named[named.index("{") + 1 : named.index("}")].replace(" ", "").split(",")
    assert {*PARTS, "arrival", "costs", "own-writes", "relevance", "search", "indexing"} == set(offered)


async def test_arrival_is_measured_everywhere(crm: RunningCrm, tenant: Tenant) -> None:
    assert crm.pids()
    taken = await arrival.measure(tenant.admin, moves=8)
    assert [*taken] == ["timeline", "search", "report", "next_step"]
    assert all(re.fullmatch(r"p50 \d+ ms, p99 \d+ ms", summary) for summary in taken.values())


async def test_what_a_change_costs_is_told_of_every_process(crm: RunningCrm, tenant: Tenant) -> None:
    expected = {row.what for row in await costs.measure(crm, tenant.admin, moves=20, activities=50, rest_s=0.5)}
    assert {"move of a deal, all together", "activity in a batch, all together"} <= expected
    assert any(what.startswith("at rest: ") for what in expected)


async def test_own_writes_are_found_by_their_positions(crm: RunningCrm) -> None:
    found, beside = await own_writes.measure(crm, writes=16, writers=2)
    assert found.what.startswith("16 own writes")
    assert beside.what.startswith("beside them ")
