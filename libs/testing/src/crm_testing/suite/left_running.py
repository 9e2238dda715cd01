"""Suites that a test process was stopped over: each notes itself while it runs, so that the first process can stop it.

Apart from `running`, which loads half the suite: every run of pytest loads this one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

HOMES_VARIABLE: Final = "CRM_TEST_HOMES"
"""Names the folder where a suite notes itself while it runs."""
NOTE_SUFFIX: Final = ".running"


def stop_left_running(homes: Path) -> None:
    """Stop the suites that are noted in `homes`: a test process that was itself stopped has not."""
    for note in homes.glob(f"*{NOTE_SUFFIX}"):
        environment = {**os.environ, **json.loads(note.read_text())}
        subprocess.run([sys.executable, "-m", "crm_local.cli", "reset"], env=environment, check=False)
