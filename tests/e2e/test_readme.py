"""README's first lines, pasted into a shell as they stand."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from crm_testing.suite.running import RunningCrm

pytestmark = pytest.mark.engines
ROOT: Final = Path(__file__).parents[2]
PART: Final = re.compile(r"## Five lines to begin with\n(.*?)\n## ", re.DOTALL)


def read_lines() -> str:
    """Return the indented lines of README's part for beginners."""
    part = PART.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert part is not None
    return "\n".join(line[4:] for line in part[1].splitlines() if line.startswith("    "))


def test_the_first_lines_work_as_they_stand(crm: RunningCrm) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    pasted = subprocess.run(  # noqa: S603 - lines of our own
        ["bash", "-eu", "-c", read_lines()],  # noqa: S607 - the shell of whoever pastes
        cwd=ROOT,
        env=environment | {"CRM_HOME": str(crm.home.path), "CRM_PORT_BASE": str(crm.plan.port_base)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert pasted.returncode == 0, pasted.stderr
    assert "Deal moved from Qualification to Closed Won" in pasted.stdout
    assert '"title":"Engine no. 2"' in pasted.stdout
    assert '"total":"12500.00"' in pasted.stdout
