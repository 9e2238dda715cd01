"""Puts the win-rate report together."""

from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.reports.closings import queries
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.win_rate import figures
from crm_reporting.reports.win_rate.schemas import GroupBy
from crm_shared.database import Connection


async def compile_report(connection: Connection, scope: Scope, window: Window, grouping: GroupBy) -> dict[str, Any]:
    """Return what of the deals that the caller sees closed in the window, and how, by group."""
    closings = await queries.load_closings(connection, scope, window, grouping, with_medians=True)
    groups, sums = closings.groups, closings.won
    owner_ids = [group.group_key for group in groups if isinstance(group.group_key, UUID)]
    names = await queries.list_names(connection, scope, owner_ids) if owner_ids else {}
    wanted = list_rates_wanted((won.to_dated() for won in sums), scope.currency)
    rates = await load_rates(connection, scope.caller, wanted)
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.moment,
        "from": window.first_day,
        "to": window.last_day,
        "group_by": grouping,
        "currency": scope.currency,
        "items": figures.to_items(groups, sums, rates, scope.currency, grouping=grouping, names=names),
        "left_out": figures.count_left_out(groups),
        "missing_rates": sorted(rates.missing),
    }
