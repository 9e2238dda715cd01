"""Puts the velocity report together."""

from datetime import date
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.reports.closings.figures import Group, Grouping
from crm_reporting.reports.closings.queries import list_names, load_closings
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.velocity import figures, queries
from crm_reporting.reports.velocity.schemas import GroupBy
from crm_shared.database import Connection
from crm_shared.local_days import end_of_day


async def compile_report(
    connection: Connection, scope: Scope, window: Window, group_by: GroupBy | None
) -> dict[str, Any]:
    """Return the velocity of the deals that the caller sees. Months that are yet to begin have no row."""
    grouping: Grouping = group_by or "all"
    open_deals = await _count_open(connection, scope, window, grouping)
    closings = await load_closings(connection, scope, window, grouping)
    groups, sums = closings.groups, closings.won
    owner_ids = [key for key in {*open_deals, *(group.group_key for group in groups)} if isinstance(key, UUID)]
    names = await list_names(connection, scope, owner_ids) if owner_ids else {}
    wanted = list_rates_wanted((won.to_dated() for won in sums), scope.currency)
    rates = await load_rates(connection, scope.caller, wanted)
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.moment,
        "from": window.first_day,
        "to": window.last_day,
        "group_by": group_by,
        "currency": scope.currency,
        "items": figures.to_items(open_deals, groups, sums, rates, scope.currency, grouping=grouping, names=names),
        "missing_rates": sorted(rates.missing),
    }


async def _count_open(connection: Connection, scope: Scope, window: Window, grouping: Grouping) -> dict[Group, int]:
    """Count what was open at the end of the window, or of its months; one that has not ended yet, as it is now."""
    months: list[tuple[date, date]] = []
    ends = [window.end]
    if grouping == "month":
        months = figures.list_months(window.first_day, min(window.last_day, scope.today))
        ends = [end_of_day(last, scope.time_zone) for _, last in months]
    past = [end for end in ends if end <= scope.now]
    changes = await queries.count_open(connection, scope, past, grouping) if past else []
    now = await queries.count_open_now(connection, scope, grouping) if len(past) < len(ends) else None
    return figures.count_by_group(changes, now, grouping, [month for month, _ in months])
