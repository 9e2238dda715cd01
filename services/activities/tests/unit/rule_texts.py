"""Rules, starts and zones as Hypothesis draws them: for tests of series."""

from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from crm_activities.series.rules import WEEKDAYS

ZONES: Final = (
    *("Europe/Berlin", "America/New_York", "America/St_Johns", "America/Santiago", "Australia/Lord_Howe"),
    *("Australia/Sydney", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "Asia/Tehran", "UTC"),
)
DAYS_OF_2026_TO_2028: Final = 3 * 365
FIRST: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall clock's


@st.composite
def starts(draw: st.DrawFn) -> datetime:
    """Draw a wall time of 2026 to 2028, often one at which some zone's clocks are put forward or back."""
    day = FIRST + timedelta(days=draw(st.integers(0, DAYS_OF_2026_TO_2028)))
    hour = draw(st.one_of(st.integers(0, 3), st.integers(0, 23)))
    return day.replace(hour=hour, minute=draw(st.sampled_from([0, 15, 30, 59])))


def _listed(draw: st.DrawFn, name: str, values: st.SearchStrategy[object], most: int = 4) -> str:
    return f"{name}=" + ",".join(str(each) for each in draw(st.lists(values, min_size=1, max_size=most, unique=True)))


def _signed(last: int) -> st.SearchStrategy[object]:
    return st.integers(1, last).flatmap(lambda n: st.sampled_from([n, n, -n]))


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    """Draw a rule that RFC 5545 allows, without UNTIL and COUNT."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    if draw(st.integers(0, 3)) == 0:
        parts.append(_listed(draw, "BYMONTH", st.integers(1, 12)))
    choices = {"DAILY": "md", "WEEKLY": "d", "MONTHLY": "md", "YEARLY": "mdyw"}[frequency]
    chosen = draw(st.sets(st.sampled_from(choices), max_size=2)) if draw(st.booleans()) else set()
    if "m" in chosen:
        parts.append(_listed(draw, "BYMONTHDAY", _signed(31)))
    if "y" in chosen:
        parts.append(_listed(draw, "BYYEARDAY", _signed(366)))
    if "w" in chosen:
        parts.append(_listed(draw, "BYWEEKNO", _signed(53)))
    if "d" in chosen:
        may_number = frequency in ("MONTHLY", "YEARLY") and "w" not in chosen and draw(st.booleans())
        most = 5 if frequency == "MONTHLY" or any(part.startswith("BYMONTH=") for part in parts) else 53
        numbers = [f"{draw(_signed(most))}{day}" for day in WEEKDAYS] if may_number else list(WEEKDAYS)
        parts.append(_listed(draw, "BYDAY", st.sampled_from(numbers)))
    if draw(st.integers(0, 4)) == 0:
        parts.append(_listed(draw, "BYHOUR", st.integers(0, 23), 3))
    if len(parts) > 1 and any(part.startswith("BY") for part in parts) and draw(st.integers(0, 3)) == 0:
        parts.append(_listed(draw, "BYSETPOS", _signed(6), 2))
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts)
