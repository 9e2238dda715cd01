"""From a list's parameters to its WHERE."""

from crm_activities.activities.schemas import ActivityList, TimelineQuery
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.refusals import InvalidField


def to_where(query: ActivityList, caller: Caller) -> Where:
    """Give the filters, the tenant as $1. Values are parameters, columns stand here in full."""
    where = Where(caller.tenant_id)
    if query.type:
        where.add("a.type = ANY({})", query.type)
    if query.contact_id is not None:
        where.add("a.contact_id = {}", query.contact_id)
    if query.deal_id is not None:
        where.add("a.deal_id = {}", query.deal_id)
    if query.user_id is not None:
        where.add("a.user_id = {}", query.user_id)
    if query.in_reply_to is not None:
        where.add("a.in_reply_to = {}", query.in_reply_to)
    if query.direction is not None:
        where.add("a.direction = {}", query.direction)
    if query.external_id is not None:
        where.add("a.external_id = {}", query.external_id)
    if query.updated_since is not None:
        where.add("a.updated_at >= {}", query.updated_since)
    return where


def to_timeline_where(query: TimelineQuery, caller: Caller) -> Where:
    """Give a timeline's filters, the tenant as $1. Raises InvalidField when `to` lies before `from`."""
    where = Where(caller.tenant_id)
    if query.type:
        where.add("a.type = ANY({})", query.type)
    if query.from_at is not None:
        where.add("a.occurred_at >= {}", query.from_at)
    if query.to_at is not None:
        if query.from_at is not None and query.to_at < query.from_at:
            raise InvalidField.at("?to", "lies before from")
        where.add("a.occurred_at <= {}", query.to_at)
    return where
