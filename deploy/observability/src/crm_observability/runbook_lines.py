"""The commands of a runbook, with its placeholders filled in as whoever reads it would."""

from pathlib import Path
from typing import Final

PLACEHOLDERS: Final = {"SERVICE": "deals", "ROLE": "api", "GROUP_ID": "deals.webhooks"}
INDENT: Final = "    "


def read_lines(runbook: Path) -> list[str]:
    """Return the indented lines, SERVICE, ROLE and GROUP_ID replaced; HOST and files are the reader's."""
    lines = [
        line.removeprefix(INDENT)
        for line in runbook.read_text("utf-8").splitlines()
        if line.startswith(INDENT) and line.strip()
    ]
    return [_fill_in(line) for line in lines]


def _fill_in(line: str) -> str:
    for name, value in PLACEHOLDERS.items():
        line = line.replace(name, value)
    return line
