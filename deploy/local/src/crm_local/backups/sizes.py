"""How much room something takes, and whether it is there."""

import shutil
from pathlib import Path
from typing import Final

# What a disk must keep free for those that live on it too: PostgreSQL's log, Kafka's, Elasticsearch's.
SPARE_BYTES: Final = 256 * 1024 * 1024


class NoSpace(Exception):
    """The disk has not what it would take. The message says how much."""


def require_space(folder: Path, wanted_bytes: int, what: str) -> None:
    """Raise NoSpace where `folder`'s disk has not what is wanted, and a rest for what lives on it."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < wanted_bytes + SPARE_BYTES:
        raise NoSpace(
            f"{folder} has {format_bytes(free_bytes)} free; {what} takes {format_bytes(wanted_bytes)}, and "
            f"{format_bytes(SPARE_BYTES)} must be left"
        )


def format_bytes(count: int) -> str:
    return f"{count / 1024 / 1024:,.0f} MB"
