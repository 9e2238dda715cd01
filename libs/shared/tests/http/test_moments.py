"""What fields for instants and days take, and the words for what they don't."""

from datetime import UTC, date, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_shared.http.models import Day, Instant

INSTANTS: TypeAdapter[datetime] = TypeAdapter(Instant)
DAYS: TypeAdapter[date] = TypeAdapter(Day)
AT = datetime(2026, 11, 22, 3, 51, 54, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    ["2026-11-22T03:51:54Z", "2026-11-22T05:51:54.000+02:00", "2026-11-22 03:51:54Z", "2026-11-22t03:51:54z", AT],
)
def test_an_instant_is_taken(value: object) -> None:
    assert INSTANTS.validate_python(value) == AT


@pytest.mark.parametrize("value", [2026, "2026", "2026-11-22", 1795319514.5, True, "2026-11-22T05:51:54 02:00", "soon"])
def test_the_words_for_what_is_no_instant_speak_of_instants(value: object) -> None:
    with pytest.raises(ValidationError, match=r"takes an instant of RFC 3339, such as 2026-11-22T03:51:54Z; .* %2B"):
        INSTANTS.validate_python(value)


@pytest.mark.parametrize("value", [2026, "2026", "22.11.2026", True, 20261122])
def test_the_words_for_what_is_no_day_speak_of_days(value: object) -> None:
    with pytest.raises(ValidationError, match=r"takes a day, such as 2026-11-22$|takes a day, such as 2026-11-22 "):
        DAYS.validate_python(value)


def test_a_day_is_taken() -> None:
    assert DAYS.validate_python("2026-11-22") == date(2026, 11, 22)
