"""When a deal was made and closed elsewhere, as a file says it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from crm_deals.deals.domain import DealStatus
from crm_deals.imports.places import Places
from crm_deals.pipelines.domain import StageKind
from crm_shared.features.imports.adapter import Warn
from crm_shared.features.imports.moments import place_moment
from crm_shared.refusals import InvalidField

MOMENTS: Final = ("created_at", "closed_at")
NOT_YOURS: Final = "left out: only an ADMIN may say when a deal was made or closed"
STAYS: Final = "left out of deals that are there, though some cells differ: it stays as it is"


CLOSED: Final = frozenset({StageKind.WON, StageKind.LOST})


def place_history(
    values: dict[str, Any],
    places: Places,
    present: Mapping[str, str] | None,
    warn: Warn,
    *,
    zone: str,
    may_backdate: bool,
    now: datetime,
) -> None:
    """Keep what counts of both, as instants: of a deal that is there only when it is closed by this row.

    Raises InvalidField.
    """
    moments = {name: values.pop(name) for name in MOMENTS if name in values}
    if not may_backdate:
        for name in moments:
            warn(name, NOT_YOURS)
        return
    for name, moment in moments.items():
        try:
            values[name] = place_moment(moment, zone)
        except ValueError as error:
            raise InvalidField.at(f"/{name}", str(error)) from None
    if present is None:
        _close_on_its_day(values, places, zone=zone, now=now)
        return
    kind = None if "stage_id" not in values else places.find_kind(values["stage_id"])
    closes = kind in CLOSED and kind != present.get("status", DealStatus.OPEN)
    for name in moments:
        moment = values.pop(name)
        if name == "closed_at" and closes:
            values["changed_at"] = moment
        else:
            warn(name, STAYS)


def _close_on_its_day(values: dict[str, Any], places: Places, *, zone: str, now: datetime) -> None:
    """Take the close date for when a closed deal was closed, of which the file says no more than when it was made.

    As HubSpot and Salesforce mean it. Else it would have been closed the moment that it was made.
    """
    day, stage_id = values.get("close_date"), values.get("stage_id")
    is_open = stage_id is None or places.find_kind(stage_id) not in CLOSED
    if is_open or day is None or "created_at" not in values or "closed_at" in values:
        return
    try:
        at = max(values["created_at"], place_moment(day, zone))
    except ValueError:
        return
    if at <= now:
        values["closed_at"] = at
