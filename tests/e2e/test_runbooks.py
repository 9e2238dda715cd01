"""What a runbook has one look at is there to be looked at, in a running suite."""

import re
import shlex
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from crm_observability.runbook_lines import read_lines
from crm_testing.suite.running import RunningCrm

pytestmark = pytest.mark.engines
RUNBOOKS: Final = Path(__file__).parents[2] / "docs" / "operations" / "runbooks"
LINES: Final = [line for runbook in sorted(RUNBOOKS.glob("*.md")) for line in read_lines(runbook)]


async def test_their_statements_run(crm: RunningCrm) -> None:
    dsns = {
        "$CRM_ADMIN_DSN": crm.plan.postgres.admin_dsn,
        "$CRM_DEALS_WORKER_DSN": crm.plan.dsn("deals", "worker"),
    }
    asked = [shlex.split(line) for line in LINES if line.startswith("psql ")]
    assert asked
    for words in asked:
        database = words[words.index("-d") + 1] if "-d" in words else None
        connection = await asyncpg.connect(dsns[words[1]], database=database)
        try:
            await connection.fetch(words[words.index("-c") + 1])
        finally:
            await connection.close()


async def test_their_metrics_are_found(crm: RunningCrm) -> None:
    pages = "\n".join((await crm.read_metrics()).values())
    patterns = [shlex.split(line)[-1] for line in LINES if line.startswith("curl ") and "/metrics" in line]
    assert patterns
    for pattern in patterns:
        # What stands behind the name is the trouble, which a suite that is well has not.
        name = pattern.split(".*")[0]
        assert re.search(name, pages, re.MULTILINE), pattern
