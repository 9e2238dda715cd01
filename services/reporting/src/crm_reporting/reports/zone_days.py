"""The day of the report's zone that an instant belongs to, in SQL, as windows have it: one stretch of time each."""

from typing import Final, LiteralString

from crm_shared.database import Where
from crm_shared.local_days import day_returns

# Where clocks go back over a midnight, what they show before is the day that still goes on (`local_days.day_of`): the
# bounds of these minutes stand in an array two by two, so that an instant has an odd place in it.
DAY_OF: Final = "(({at} AT TIME ZONE {zone})::date - width_bucket({at}, {returns}::timestamptz[]) % 2)"


class ZoneDays:
    """Days of one zone in a statement, whose parameters it takes its own from."""

    def __init__(self, where: Where, time_zone: str) -> None:
        self._zone, self._returns = where.number(time_zone), where.number(list(day_returns(time_zone)))

    def day_of(self, at: LiteralString) -> str:
        """Return SQL for the day that the instant `at` belongs to."""
        return DAY_OF.format(at=at, zone=self._zone, returns=self._returns)
