"""The order of timelines: by moment, and within one by what happened first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from crm_shared.database import Where
from crm_shared.listing import Key, Order, SortField
from crm_shared.listing.orders import PARSERS

DEAL_VERSION: Final = "deal_version"


class TimelineOrder(Order):
    """Newest first; notes of one instant as their deal's versions, the latest on top; then by id, the latest on top.

    The id of a note is a name for its move, however often that is told of, and no order.
    """

    @property
    def sql(self) -> str:
        return "e.occurred_at DESC, e.deal_version DESC, e.id DESC"

    def add_after(self, where: Where, after: Key) -> Where:
        occurred_at, version = after.value
        bounds = f"{where.number(occurred_at)}, {where.number(version)}, {where.number(after.id)}"
        return where.add_sql(f"(e.occurred_at, e.deal_version, e.id) < ({bounds})")

    def value_of(self, row: Mapping[str, Any]) -> str:
        return f"{row['occurred_at'].isoformat()} {row[DEAL_VERSION]}"

    def parse(self, text: str | None) -> tuple[datetime, int]:
        """Read both; a cursor from before there were versions has the moment alone."""
        moment, _, version = (text or "").partition(" ")
        return PARSERS[datetime](moment), PARSERS[int](version or "0")


TIMELINE: Final = TimelineOrder(
    "-occurred_at", SortField("e.occurred_at", datetime), is_descending=True, id_column="e.id"
)
