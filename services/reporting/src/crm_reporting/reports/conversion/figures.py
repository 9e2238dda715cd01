"""The conversion report's arithmetic. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Any, TypeAlias
from uuid import UUID

from crm_reporting.reports.rounding import to_days, to_rate

Pair: TypeAlias = tuple[UUID, UUID]
"""The stage that deals entered, and the one that they may have come to."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How many deals of a stage's cohort came to another stage; of the stage itself, how many the cohort has.

    `open_count` of them are open now. `median_s` is the time between both entries.
    """

    from_stage_id: UUID
    to_stage_id: UUID
    deal_count: int
    open_count: int
    median_s: float | None


def list_neighbours(stage_ids: Sequence[UUID]) -> list[Pair]:
    """Pair each stage with the next one, in the pipeline's order."""
    return list(pairwise(stage_ids))


def list_ordered_pairs(stage_ids: Sequence[UUID]) -> list[Pair]:
    """Pair each stage with every other, in the pipeline's order of the first, then of the second."""
    return list(permutations(stage_ids, 2))


def to_rows(pairs: Iterable[Pair], reached: Iterable[Reached]) -> list[dict[str, Any]]:
    """Build a row for each pair, also where no deal went."""
    counts = {(found.from_stage_id, found.to_stage_id): found for found in reached}
    return [_to_row(pair, counts) for pair in pairs]


def _to_row(pair: Pair, counts: Mapping[Pair, Reached]) -> dict[str, Any]:
    from_stage_id, to_stage_id = pair
    nobody = Reached(from_stage_id, to_stage_id, 0, 0, None)
    cohort = counts.get((from_stage_id, from_stage_id), nobody)
    converted = counts.get((from_stage_id, to_stage_id), nobody)
    return {
        "from_stage_id": from_stage_id,
        "to_stage_id": to_stage_id,
        "entered": cohort.deal_count,
        "converted": converted.deal_count,
        "rate": to_rate(converted.deal_count, cohort.deal_count),
        "median_days": to_days(converted.median_s),
        "open": cohort.open_count - converted.open_count,
    }
