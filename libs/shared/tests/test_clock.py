"""Time that passed is never less than none, whosever clock said when it began."""

from datetime import UTC, datetime, timedelta

import pytest

from crm_shared.clock import passed_s

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "seconds"), [(timedelta(seconds=-1.5), 1.5), (timedelta(), 0), (timedelta(hours=1), 0)]
)
def test_time_that_passed_is_never_negative(since: timedelta, seconds: float) -> None:
    assert passed_s(NOON + since, NOON) == seconds
