"""`crm report` on the running suite: after `crm demo` each report has something to show."""

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import Final

import pytest

from crm_local.reports.catalogue import ReportName
from crm_testing.suite.running import RunningCrm

pytestmark = pytest.mark.engines

WIDTH: Final = 80
BAR: Final = re.compile(r"[▏▎▍▌▋▊▉█▐]")
TITLES: Final = {
    ReportName.PIPELINE: "Pipeline, EUR",
    ReportName.FORECAST: "Forecast, EUR",
    ReportName.MOVEMENT: "Movement of the open pipeline, ",
    ReportName.CONVERSION: "Conversion",
    ReportName.STAGE_AGE: "Stage age, in days",
    ReportName.WIN_RATE: "Win rate by owner, ",
    ReportName.VELOCITY: "Velocity, ",
    ReportName.ACTIVITY_METRICS: "Activity metrics",
    ReportName.RESPONSE_TIMES: "Response times",
    ReportName.LEADERBOARD: "Leaderboard, ",
    ReportName.ATTAINMENT: "Quota attainment, ",
}
NAMED: Final = {
    ReportName.PIPELINE: "Closed Won",
    ReportName.FORECAST: "committed",
    ReportName.MOVEMENT: "moved out",
    ReportName.CONVERSION: "Negotiation to Closed Won",
    ReportName.STAGE_AGE: "Negotiation",
    ReportName.VELOCITY: "velocity per day",
}
"""In the others a rep's name."""


def run_crm(crm: RunningCrm, *arguments: str, status: int = 0, on_stdout: bool = False) -> str:
    """Run the command as a user does; return what it prints: where it is to fail on stderr, unless `on_stdout`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    environment |= {"CRM_HOME": str(crm.home.path), "PYTHONIOENCODING": "utf-8", "COLUMNS": str(WIDTH)}
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "crm_local.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr if status and not on_stdout else ended.stdout


@pytest.fixture(scope="module")
async def demo(crm: RunningCrm) -> RunningCrm:
    """Load the demo tenant, with its past, unless it is there."""
    await asyncio.to_thread(run_crm, crm, "demo")
    await crm.drain()
    return crm


@pytest.mark.parametrize("name", list(ReportName))
def test_every_report_shows_the_demo_s_figures(demo: RunningCrm, name: ReportName) -> None:
    printed = run_crm(demo, "report", name)

    lines = printed.splitlines()
    assert lines[0].startswith(TITLES[name])
    assert NAMED.get(name, "Ravi Patel") in printed
    assert BAR.search(printed), printed
    assert max(map(len, lines)) <= WIDTH
    assert lines[-1].endswith("read from the primary database")


def test_a_rep_asks_for_what_they_see(demo: RunningCrm) -> None:
    printed = run_crm(demo, "report", "leaderboard", "--user", "rosa@demo.example", "--from", "2020-01-01")

    assert "Rosa Jiménez" in printed
    assert "Ravi Patel" not in printed


def test_scripts_get_json_and_csv_and_a_problem_in_a_line(demo: RunningCrm) -> None:
    report = json.loads(run_crm(demo, "report", "pipeline", "--json"))
    rows = run_crm(demo, "report", "pipeline", "--csv").splitlines()
    refused = run_crm(demo, "report", "win-rate", "--from", "2026-11-31", status=1)

    assert [row.split(",")[1] for row in rows[1:]] == [item["stage_name"] for item in report["items"]]
    assert refused.startswith("422 Some fields are not valid: ?from: ")
    assert refused.count("\n") == 1


async def test_a_tenant_that_is_named_is_asked_as_its_admin(crm: RunningCrm) -> None:
    tenant = await crm.new_tenant()
    await tenant.admin.post("deals", "/v1/deals", {"name": "Engine no. 2", "amount": "12500.00"})
    await crm.drain()

    printed = await asyncio.to_thread(run_crm, crm, "report", "pipeline", "--tenant", str(tenant.id))

    assert "12,500.00" in printed
    assert str(tenant.id) in await asyncio.to_thread(run_crm, crm, "tenant", "list")
