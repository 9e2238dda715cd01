"""What an import has to say of a file: rows that are none, and what it took for granted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

EARLIER: Final = "an earlier line of the file has the"
NO_LONGER: Final = "the record that it is about was deleted meanwhile"
NOT_SEEN: Final = (
    "no record that you see has this id; ids of new ones are given by us: empty the cell, or map the column to null"
)


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
