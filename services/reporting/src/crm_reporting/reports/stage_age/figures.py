"""The arithmetic of the report on stages' ages. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from math import floor
from typing import Any, Final
from uuid import UUID

from crm_reporting.reports.rounding import to_days
from crm_reporting.reports.stages import ReportStage

PERCENTILES: Final = (0.5, 0.9)


@dataclass(frozen=True, slots=True)
class StageStays:
    """The stays in one stage, those that are over or those that go on, in seconds."""

    stage_id: UUID
    is_over: bool
    stay_count: int
    average_s: float | None
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class OpenStays:
    """The stays in one stage that go on, all together."""

    stage_id: UUID
    stay_count: int
    total_s: Decimal


@dataclass(frozen=True, slots=True)
class OpenPlace:
    """Where a percentile of the stays in one stage that go on lies: behind `passed` of them, counted from the oldest.

    `fraction`: how far it is from the length of the shorter of the two stays there to that of the longer.
    """

    stage_id: UUID
    passed: int
    fraction: float


@dataclass(frozen=True, slots=True)
class LengthClass:
    """The stays of one stage that are over and about as long."""

    stage_id: UUID
    length_class: int
    stay_count: int
    total_s: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a percentile of one stage's stays lies: behind `passed` stays of its class, counted from the shortest.

    `is_backwards`: counted from the longest, behind which the two are that it lies between. `fraction`: how far it is
    from the length of the shorter to that of the longer one, which is of `next_class`.
    """

    stage_id: UUID
    length_class: int
    next_class: int
    passed: int
    is_backwards: bool
    fraction: float


def interpolate(place: Place | OpenPlace, lengths: Sequence[float]) -> float:
    """Return the percentile from the length at the place and, unless it is the last, the next longer one."""
    return lengths[0] + place.fraction * (lengths[-1] - lengths[0])


def list_open_places(stays: Iterable[OpenStays]) -> list[OpenPlace]:
    """Return the places of the PERCENTILES, stage by stage."""
    return [_find_open_place(held, percentile) for held in stays for percentile in PERCENTILES]


def to_open_stays(stays: Iterable[OpenStays], percentiles_s: Sequence[float]) -> list[StageStays]:
    """Put each stage's stays together with its percentiles, which stand as `list_open_places` has them."""
    return [
        _to_stays(held.stage_id, held.stay_count, held.total_s, percentiles_s, number=number, is_over=False)
        for number, held in enumerate(stays)
    ]


def list_places(classes: Iterable[LengthClass]) -> list[Place]:
    """Return the places of the PERCENTILES, stage by stage. `classes` are in the order of stages and lengths."""
    stages = [list(held) for _, held in groupby(classes, key=lambda found: found.stage_id)]
    return [_find_place(held, percentile) for held in stages for percentile in PERCENTILES]


def to_stays(classes: Iterable[LengthClass], percentiles_s: Sequence[float]) -> list[StageStays]:
    """Put each stage's stays together with its percentiles, which stand as `list_places` has them."""
    stays = []
    for number, (stage_id, held) in enumerate(groupby(classes, key=lambda found: found.stage_id)):
        summed = list(held)
        count = sum(found.stay_count for found in summed)
        total_s = sum((found.total_s for found in summed), Decimal(0))
        stays.append(_to_stays(stage_id, count, total_s, percentiles_s, number=number, is_over=True))
    return stays


def _to_stays(
    stage_id: UUID, count: int, total_s: Decimal, percentiles_s: Sequence[float], *, number: int, is_over: bool
) -> StageStays:
    median_s, p90_s = percentiles_s[number * len(PERCENTILES) : (number + 1) * len(PERCENTILES)]
    return StageStays(stage_id, is_over, count, float(total_s / count), median_s, p90_s)


def _rank(count: int, percentile: float) -> tuple[int, float]:
    """Say as percentile_cont does behind how many of so many a percentile lies, and how far on the way to the next."""
    at = percentile * (count - 1)
    return floor(at), at - floor(at)


def _find_open_place(stays: OpenStays, percentile: float) -> OpenPlace:
    """Count from the other end: who came first has stayed longest."""
    shorter, fraction = _rank(stays.stay_count, percentile)
    return OpenPlace(stays.stage_id, max(0, stays.stay_count - 2 - shorter), fraction)


def _find_place(classes: Sequence[LengthClass], percentile: float) -> Place:
    """Count from the nearer end of the class, where both stays that the percentile lies between are of it."""
    passed, fraction = _rank(sum(found.stay_count for found in classes), percentile)
    for found, following in zip(classes, [*classes[1:], classes[-1]], strict=True):
        if passed < found.stay_count:
            is_last = passed == found.stay_count - 1
            next_class = (following if is_last else found).length_class
            behind = found.stay_count - 2 - passed
            is_backwards = not is_last and behind < passed
            counted = behind if is_backwards else passed
            return Place(found.stage_id, found.length_class, next_class, counted, is_backwards, fraction)
        passed -= found.stay_count
    raise ValueError("a percentile lies among the stays")


def to_items(stages: Sequence[ReportStage], stays: Iterable[StageStays]) -> list[dict[str, Any]]:
    """Build the rows in the pipeline's order; a removed stage has one only where it has a stay."""
    measured = {(found.stage_id, found.is_over): found for found in stays}
    return [
        {
            "stage_id": stage.id,
            "stage_name": stage.name,
            "open": _to_days(measured.get((stage.id, False))),
            "left": _to_days(measured.get((stage.id, True))),
        }
        for stage in stages
        if not stage.is_removed or (stage.id, False) in measured or (stage.id, True) in measured
    ]


def _to_days(stays: StageStays | None) -> dict[str, Any]:
    if stays is None:
        return {"count": 0, "average_days": None, "median_days": None, "p90_days": None}
    return {
        "count": stays.stay_count,
        "average_days": to_days(stays.average_s),
        "median_days": to_days(stays.median_s),
        "p90_days": to_days(stays.p90_s),
    }


def to_rows(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lay the items out flat, as a table has them: `open_count`, `left_median_days`."""
    return [
        {
            "stage_id": item["stage_id"],
            "stage_name": item["stage_name"],
            **{f"{state}_{name}": value for state in ("open", "left") for name, value in item[state].items()},
        }
        for item in items
    ]
