"""Puts the leaderboard together."""

from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.queries import load_rates
from crm_reporting.months import first_day_of, last_day_of
from crm_reporting.reports.closings import queries
from crm_reporting.reports.leaderboard import figures
from crm_reporting.reports.leaderboard.schemas import LeaderboardQuery
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.scope import Scope, Window, to_window
from crm_shared.database import Connection


def to_month_window(query: LeaderboardQuery, scope: Scope) -> Window:
    """Read the query's window: by default the present month, whole."""
    first = first_day_of(query.to or scope.today)
    return to_window(query, scope, default_first=first, default_last=last_day_of(scope.today))


async def compile_report(connection: Connection, scope: Scope, window: Window) -> dict[str, Any]:
    """Return what each owner has won in the window, of the deals that the caller sees. What has none is nobody's."""
    closings = await queries.load_closings(connection, scope, window, "owner")
    sums = [won for won in closings.won if won.group_key is not None]
    winners = sorted({won.group_key for won in sums if isinstance(won.group_key, UUID)})
    names = await queries.list_names(connection, scope, winners) if winners else {}
    rates = await load_rates(
        connection, scope.caller, list_rates_wanted((won.to_dated() for won in sums), scope.currency)
    )
    return {
        "pipeline_id": scope.pipeline_id,
        "as_of": scope.moment,
        "from": window.first_day,
        "to": window.last_day,
        "currency": scope.currency,
        "items": figures.to_items(sums, rates, scope.currency, names=names),
        "missing_rates": sorted(rates.missing),
    }
