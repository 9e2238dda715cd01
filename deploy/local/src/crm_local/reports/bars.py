"""Draws bars out of characters, from an axis to both sides where figures have signs. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

EIGHTHS: Final = " ▏▎▍▌▋▊▉"
FULL, RIGHT_HALF, AXIS = "█", "▐", "│"
ASCII_FULL, ASCII_AXIS = "#", "|"


@dataclass(frozen=True, slots=True)
class Scale:
    """Cells left and right of the axis, and how much a cell stands for."""

    below: int
    above: int
    per_cell: Decimal


def share_room(lengths: Sequence[Decimal | None], room: int, *, full: Decimal | None = None) -> Scale:
    """Share `room` cells between what is below and above nothing, so that both sides have one scale.

    `full`: what fills the room at least, None for the longest bar.
    """
    known = [length for length in lengths if length is not None]
    lowest, highest = -min([Decimal(0), *known]), max([Decimal(0), full or Decimal(0), *known])
    if not lowest:
        return Scale(0, room, highest / room)
    room -= 1  # for the axis
    below = room if not highest else min(room - 1, max(1, round(room * lowest / (lowest + highest))))
    above = room - below
    return Scale(below, above, max(lowest / below, highest / above if above else Decimal(0)))


def draw(length: Decimal | None, scale: Scale, *, is_utf: bool) -> str:
    """Return the bar of one figure. What is more than nothing is seen, however short."""
    cells = Decimal(0) if not length or not scale.per_cell else length / scale.per_cell
    if not scale.below:
        return _draw_right(cells, is_utf=is_utf)
    axis = AXIS if is_utf else ASCII_AXIS
    left = _draw_left(max(Decimal(0), -cells), is_utf=is_utf).rjust(scale.below)
    return left + axis + _draw_right(max(Decimal(0), cells), is_utf=is_utf)


def _draw_right(cells: Decimal, *, is_utf: bool) -> str:
    if not is_utf:
        return ASCII_FULL * _count(cells)
    eighths = max(1, round(cells * len(EIGHTHS))) if cells else 0
    whole, rest = divmod(eighths, len(EIGHTHS))
    return FULL * whole + (EIGHTHS[rest] if rest else "")


def _draw_left(cells: Decimal, *, is_utf: bool) -> str:
    if not is_utf:
        return ASCII_FULL * _count(cells)
    # Of parts that stand at a cell's right side there is but the half.
    halves = max(1, round(cells * 2)) if cells else 0
    return (RIGHT_HALF if halves % 2 else "") + FULL * (halves // 2)


def _count(cells: Decimal) -> int:
    return max(1, round(cells)) if cells else 0
