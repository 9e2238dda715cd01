"""Rows of a batch as the arrays that one statement takes."""

from collections.abc import Iterable, Sequence
from typing import Any


def to_columns(rows: Iterable[Sequence[Any]], *, width: int) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes; `width` arrays also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
