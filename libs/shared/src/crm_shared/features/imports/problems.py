"""What an import has to say of a file: rows that are none, and what it took for granted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row: `line` is that of the file where the row begins, `field` what it is about or ''."""

    line: int
    field: str
    reason: str
    cells: Sequence[str] = ()


class Warned(NamedTuple):
    """Something that whoever sent the file should know, though no row fails by it. `column` is a header, or ''."""

    column: str
    detail: str
