"""Puts the response times together."""

from typing import Any

from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.response_times import queries
from crm_reporting.reports.response_times.queries import Measured
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection

SECONDS_DECIMALS = 3


async def compile_report(connection: Connection, scope: ActivityScope, window: Window) -> dict[str, Any]:
    """Return the response times (semantics.md) as far as the caller sees messages and replies."""
    return {
        "as_of": scope.now,
        "items": [_to_item(found) for found in await queries.measure(connection, scope, window)],
    }


def _to_item(found: Measured) -> dict[str, Any]:
    median_s, p90_s = found.quantiles_s or (None, None)
    return {
        "user_id": found.user_id,
        "answered": found.answered,
        "median_s": None if median_s is None else round(median_s, SECONDS_DECIMALS),
        "p90_s": None if p90_s is None else round(p90_s, SECONDS_DECIMALS),
        "unanswered": found.unanswered,
        "oldest_unanswered_at": found.oldest_unanswered_at,
    }
