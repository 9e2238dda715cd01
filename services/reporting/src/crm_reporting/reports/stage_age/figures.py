"""The arithmetic of the report on stages' ages. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_reporting.reports.rounding import to_days
from crm_reporting.reports.stages import ReportStage


@dataclass(frozen=True, slots=True)
class StageStays:
    """The stays in one stage, those that are over or those that go on, in seconds."""

    stage_id: UUID
    is_over: bool
    stay_count: int
    average_s: float | None
    median_s: float | None
    p90_s: float | None


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
