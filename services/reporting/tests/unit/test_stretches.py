"""Days cut into stretches: where each begins, and what sums by days of UTC lack at the cuts."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_reporting.reports.closings.stretches import ONE_DAY, Edge, Stretches, cut_at_rates, cut_window
from crm_reporting.reports.scope import Window
from crm_shared.local_days import day_of, end_of_day

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Africa/Monrovia",
    "America/St_Johns",
)
days = st.dates(date(1960, 1, 1), date(2060, 1, 1))


def to_window(first: date, last: date, zone: str) -> Window:
    return Window(first, last, end_of_day(first - ONE_DAY, zone), end_of_day(last, zone))


def find(cuts: list[datetime], instant: datetime) -> int:
    return sum(cut <= instant for cut in cuts)


@given(st.sets(days, max_size=6), st.sampled_from(ZONES), st.data())
def test_what_is_at_no_edge_lies_in_the_stretch_of_its_days_noon(
    rate_days: set[date], zone: str, data: st.DataObject
) -> None:
    """With what is read at the edges that makes every sum exact, whatever the zone's offset."""
    stretches = cut_at_rates(rate_days, zone)
    around = [cut + timedelta(minutes=data.draw(st.integers(-2000, 2000))) for cut in stretches.cuts]
    for instant in around:
        noon = datetime(instant.year, instant.month, instant.day, 12, tzinfo=UTC)
        number = find(stretches.cuts, instant)
        at_edge = any(edge.begin <= instant < edge.end for edge in stretches.edges)
        assert at_edge or number == find(stretches.cuts, noon)
        last_cut = max((day for day in rate_days if day <= day_of(instant, zone)), default=None)
        assert stretches.first_day_of(number) == (last_cut or min(rate_days) - ONE_DAY)


@pytest.mark.parametrize("zone", ZONES)
def test_an_edge_takes_half_a_day_at_most(zone: str) -> None:
    stretches = cut_window(
        to_window(date(2026, 1, 5), date(2026, 12, 20), zone), zone, by_month=True, rate_days=[date(2026, 3, 3)]
    )
    assert all(timedelta(0) < edge.end - edge.begin <= timedelta(hours=12) for edge in stretches.edges)
    assert bool(stretches.edges) == (zone not in {"UTC", "Africa/Monrovia"})  # Monrovia's clocks show UTC since 1972


def test_a_window_is_cut_into_months_and_where_rates_change_within_it() -> None:
    window = to_window(date(2026, 9, 15), date(2026, 11, 2), "Europe/Berlin")
    rate_days = [date(2026, 9, 1), date(2026, 9, 15), date(2026, 10, 1), date(2026, 10, 7), date(2026, 11, 3)]
    whole = cut_window(window, "Europe/Berlin", by_month=False, rate_days=())
    assert (whole.first_days, whole.cuts) == ((date(2026, 9, 15),), [window.begin, window.end])
    cut = cut_window(window, "Europe/Berlin", by_month=True, rate_days=rate_days)
    assert cut.first_days == (date(2026, 9, 15), date(2026, 10, 1), date(2026, 10, 7), date(2026, 11, 1))
    # What a rate alone makes a cut is asked of the currencies that it converts.
    midnight = datetime(2026, 10, 7, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert [edge for edge in cut.edges if edge.is_of_rates] == [
        Edge(midnight, midnight + timedelta(hours=2), is_of_rates=True)
    ]


def test_without_any_rate_all_time_is_one_stretch() -> None:
    stretches = Stretches((), "Europe/Berlin")
    assert (stretches.cuts, stretches.edges) == ([], [])
    assert stretches.first_day_of(0) == date(1900, 1, 1)


@given(st.sets(days, max_size=6), st.sampled_from(ZONES), days)
def test_a_day_is_told_by_its_date_as_by_its_noon(rate_days: set[date], zone: str, day: date) -> None:
    stretches = cut_at_rates({*rate_days, day}, zone)
    for near in (day - ONE_DAY, day, day + ONE_DAY):
        noon = datetime.combine(near, time(12), UTC)
        assert sum(home <= near for home in stretches.home_days) == find(stretches.cuts, noon)
