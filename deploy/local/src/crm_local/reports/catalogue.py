"""The reports there are: what each may be asked with, and which of its figures the chart shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ReportName(StrEnum):
    """As in the API's paths."""

    PIPELINE = "pipeline"
    FORECAST = "forecast"
    MOVEMENT = "movement"
    CONVERSION = "conversion"
    STAGE_AGE = "stage-age"
    WIN_RATE = "win-rate"
    VELOCITY = "velocity"
    ACTIVITY_METRICS = "activity-metrics"
    RESPONSE_TIMES = "response-times"
    LEADERBOARD = "leaderboard"
    ATTAINMENT = "attainment"


OPTIONS: Final[Mapping[str, str]] = {
    "from": "--from",
    "to": "--to",
    "as_of": "--as-of",
    "pipeline_id": "--pipeline",
    "owner_id": "--owner",
    "currency": "--currency",
    "time_zone": "--time-zone",
    "group_by": "--group-by",
    "from_stage": "--from-stage",
    "to_stage": "--to-stage",
}
"""By parameter of the API, in the order in which a refusal lists what a report takes."""

OF_ALL: Final = frozenset({"pipeline_id", "owner_id", "currency", "time_zone"})
OF_WINDOW: Final = OF_ALL | {"from", "to"}


@dataclass(frozen=True, slots=True)
class Report:
    """`takes`: parameters of the API. `labels` name a bar, `figure` is its length; `caption` says what that is."""

    title: str
    takes: frozenset[str]
    labels: tuple[str, ...]
    figure: str
    caption: str


REPORTS: Final[Mapping[ReportName, Report]] = {
    ReportName.PIPELINE: Report("Pipeline", OF_ALL | {"as_of"}, ("stage_name",), "total", "total"),
    ReportName.FORECAST: Report("Forecast", OF_WINDOW | {"as_of"}, ("month",), "total", "total"),
    ReportName.MOVEMENT: Report("Movement of the open pipeline", OF_WINDOW, ("bucket",), "amount", "amount"),
    ReportName.CONVERSION: Report(
        "Conversion", OF_WINDOW | {"from_stage", "to_stage"}, ("from_stage_id", "to_stage_id"), "rate", "rate"
    ),
    ReportName.STAGE_AGE: Report(
        "Stage age, in days", OF_ALL, ("stage_name",), "left_average_days", "average of the stays that ended"
    ),
    ReportName.WIN_RATE: Report("Win rate", OF_WINDOW | {"group_by"}, ("group",), "rate", "rate"),
    ReportName.VELOCITY: Report("Velocity", OF_WINDOW | {"group_by"}, ("group",), "velocity_per_day", "per day"),
    ReportName.ACTIVITY_METRICS: Report(
        "Activity metrics", OF_WINDOW, ("user_id",), "activities", "activities of the window"
    ),
    ReportName.RESPONSE_TIMES: Report("Response times", OF_WINDOW, ("user_id",), "median_s", "median time to answer"),
    ReportName.LEADERBOARD: Report("Leaderboard", OF_WINDOW, ("owner_name",), "won_amount", "won"),
    ReportName.ATTAINMENT: Report("Quota attainment", OF_WINDOW, ("user_name",), "attainment", "attainment"),
}


def refuse_untaken(name: ReportName, asked: Mapping[str, object]) -> str | None:
    """Return why `name` can't be asked with these parameters, None where it can."""
    taken = REPORTS[name].takes
    untaken = [option for parameter, option in OPTIONS.items() if parameter in asked and parameter not in taken]
    if not untaken:
        return None
    takes = ", ".join(option for parameter, option in OPTIONS.items() if parameter in taken)
    return f"{name} takes no {' and no '.join(untaken)}; it takes {takes}"
