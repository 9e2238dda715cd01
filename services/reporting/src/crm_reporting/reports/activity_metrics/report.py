"""Puts the activity metrics together."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from crm_reporting.reports.activity_metrics.days import count_days
from crm_reporting.reports.activity_metrics.queries import Responses, count_responses
from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection

RATE_DECIMALS = 4
SECONDS_DECIMALS = 3


async def compile_report(connection: Connection, scope: ActivityScope, window: Window) -> dict[str, Any]:
    """Return the activity metrics (semantics.md) of what the caller sees."""
    days = await count_days(connection, scope, window)
    responses = {found.user_id: found for found in await count_responses(connection, scope, window)}
    user_ids = sorted({day["user_id"] for day in days})
    return {
        "as_of": scope.now,
        "items": days,
        "users": [_to_user(user_id, responses.get(user_id)) for user_id in user_ids],
    }


def _to_user(user_id: UUID, found: Responses | None) -> dict[str, Any]:
    if found is None:
        found = Responses(user_id, emails_sent=0, responses=0, median_response_s=None)
    rate = round(found.responses / found.emails_sent, RATE_DECIMALS) if found.emails_sent else None
    median_s = None if found.median_response_s is None else round(found.median_response_s, SECONDS_DECIMALS)
    return {**asdict(found), "email_response_rate": rate, "median_response_s": median_s}
