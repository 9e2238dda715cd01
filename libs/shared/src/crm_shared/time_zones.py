"""Time zones by their IANA names."""

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
"""Names that the data base holds for machines."""


@cache
def _list_known() -> frozenset[str]:
    return frozenset(available_timezones()) - NO_PLACES


def to_time_zone(name: str) -> str:
    """Return the name back. Raises ValueError for one that the IANA data base has not."""
    if name not in _list_known():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return name


TimeZone = Annotated[str, AfterValidator(to_time_zone), Field(examples=["Europe/Berlin"])]
