"""How reports write rates and days. No I/O."""

from decimal import Decimal
from typing import Final

DAY_S: Final = 86_400
DECIMALS: Final = 4
"""Of a rate, and of a day: 9 seconds."""


def to_rate(part: int, whole: int) -> float | None:
    """Return the fraction; null where there is nothing to divide by."""
    return float(round(Decimal(part) / whole, DECIMALS)) if whole else None


def to_days(seconds: float | None) -> float | None:
    """Return seconds as days; null stays null."""
    return None if seconds is None else round(float(seconds) / DAY_S, DECIMALS)
