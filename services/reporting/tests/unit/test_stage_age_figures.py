"""Percentiles of stays from sums by class of length: where they lie, and what they come to."""

from decimal import Decimal
from itertools import groupby
from math import floor, log
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_reporting.reports.stage_age.figures import (
    PERCENTILES,
    LengthClass,
    OpenStays,
    Place,
    interpolate,
    list_open_places,
    list_places,
    to_open_stays,
    to_stays,
)

STAGES = tuple(UUID(int=number) for number in range(1, 4))
lengths_s = st.floats(0, 10**9, allow_nan=False) | st.sampled_from((0.0, 60.0, 604_800.0))


def to_class(length_s: float) -> int:
    return floor(16 * log(length_s + 1))


def to_classes(stage_id: UUID, lengths: list[float]) -> list[LengthClass]:
    return [
        LengthClass(stage_id, number, len(held), Decimal(sum(held)))
        for number, group in groupby(sorted(lengths), key=to_class)
        for held in (list(group),)
    ]


def look_up(place: Place, lengths: list[float]) -> float:
    """Do as the index does: from the first of the class on, to the last of the next, or backwards."""
    found = sorted(
        (length for length in lengths if place.length_class <= to_class(length) <= place.next_class),
        reverse=place.is_backwards,
    )
    assert place.passed <= len(found) / 2 or place.next_class != place.length_class or len(found) == 1
    return interpolate(place, sorted(found[place.passed : place.passed + 2]))


def percentile_cont(lengths: list[float], percentile: float) -> float:
    ordered = sorted(lengths)
    at = percentile * (len(ordered) - 1)
    low, high = ordered[floor(at)], ordered[min(floor(at) + 1, len(ordered) - 1)]
    return low + (at - floor(at)) * (high - low)


@given(st.lists(st.lists(lengths_s, min_size=1, max_size=40), min_size=1, max_size=3))
def test_places_lead_to_the_percentiles(stays: list[list[float]]) -> None:
    by_stage = dict(zip(STAGES, stays, strict=False))
    classes = [found for stage_id, lengths in by_stage.items() for found in to_classes(stage_id, lengths)]
    places = list_places(classes)
    found = to_stays(classes, [look_up(place, by_stage[place.stage_id]) for place in places])
    assert [(one.stage_id, one.stay_count) for one in found] == [(key, len(held)) for key, held in by_stage.items()]
    for one in found:
        wanted = [percentile_cont(by_stage[one.stage_id], percentile) for percentile in PERCENTILES]
        assert [one.median_s, one.p90_s] == wanted


@given(st.lists(st.lists(lengths_s, min_size=1, max_size=40), min_size=1, max_size=3))
def test_places_among_open_stays_lead_to_the_percentiles(stays: list[list[float]]) -> None:
    by_stage = dict(zip(STAGES, stays, strict=False))
    summed = [OpenStays(key, len(held), sum(map(Decimal, held), Decimal())) for key, held in by_stage.items()]
    found_s = []
    for place in list_open_places(summed):
        oldest_first = sorted(by_stage[place.stage_id], reverse=True)
        found_s.append(interpolate(place, sorted(oldest_first[place.passed : place.passed + 2])))
    for one in to_open_stays(summed, found_s):
        wanted = [percentile_cont(by_stage[one.stage_id], percentile) for percentile in PERCENTILES]
        assert [one.median_s, one.p90_s] == wanted
        assert (one.is_over, one.stay_count) == (False, len(by_stage[one.stage_id]))


def test_without_stays_there_is_nothing_to_look_up() -> None:
    assert list_places([]) == []
    assert to_stays([], []) == []
    assert list_open_places([]) == []
    assert to_open_stays([], []) == []
