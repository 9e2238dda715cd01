"""From a list's parameters to its WHERE."""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_activities.activities.timelines import Window
from crm_activities.threads.queries import IN_THREAD
from crm_activities.use_cases.schemas import ActivityList, TimelineQuery
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing.emptiness import add_emptiness
from crm_shared.refusals import InvalidField
from crm_shared.time_window import begin_of, end_of

HAS_CONTACT: Final = """
    a.id IN (SELECT l.activity_id FROM activity_contacts l
              WHERE l.tenant_id = $1 AND l.contact_id = {} AND l.is_current AND NOT l.is_deleted)
"""

COLUMNS: Final[Mapping[str, LiteralString]] = {
    "type": "a.type",
    "contact_id": "a.contact_id",
    "deal_id": "a.deal_id",
    "user_id": "a.user_id",
    "series_id": "a.series_id",
    "in_reply_to": "a.in_reply_to",
    "thread_id": "a.thread_id",
    "direction": "a.direction",
    "external_id": "a.external_id",
}
"""What `.empty` asks, by filter."""

CLAUSES: Final[Mapping[str, LiteralString]] = {
    "contact_id": HAS_CONTACT,
    "deal_id": "a.deal_id = {}",
    "user_id": "a.user_id = {}",
    "series_id": "a.series_id = {}",
    "in_reply_to": "a.in_reply_to = {}",
    "thread_id": IN_THREAD,
    "direction": "a.direction = {}",
    "completed": "(a.completed_at IS NOT NULL) = {}",
    "external_id": "a.external_id = {}",
    "updated_since": "a.updated_at >= {}",
}
"""What a filter of one value asks."""

MANY_PASS: Final = frozenset({"sort", "cursor", "limit", "type", "from_at", "to_at", "completed", "updated_since"})
"""Parameters of a list that leave many, or choose the page."""


def to_where(query: ActivityList, caller: Caller, *, zone: str) -> Where:
    """Return the filters, the tenant as $1, days of `zone`. Values are parameters, columns stand here in full.

    Raises InvalidField when `to` lies before `from`.
    """
    where, window = Where(caller.tenant_id), to_window(query, zone=zone)
    if window.types:
        where.add("a.type = ANY({})", window.types)
    for name, clause in CLAUSES.items():
        value = getattr(query, name)
        if value is not None:
            where.add(clause, value)
    if window.begin is not None:
        where.add("a.occurred_at >= {}", window.begin)
    if window.end is not None:
        where.add("a.occurred_at <= {}", window.end)
    return add_emptiness(where, query, COLUMNS)


def leaves_many(query: ActivityList) -> bool:
    """Return whether there is no filter but those that most activities may pass."""
    return not query.model_fields_set - MANY_PASS


def to_window(query: TimelineQuery | ActivityList, *, zone: str) -> Window:
    """Return which types and times are asked for; days are those of `zone`.

    Raises InvalidField when `to` lies before `from`.
    """
    begin = None if query.from_at is None else begin_of(query.from_at, zone)
    end = None if query.to_at is None else end_of(query.to_at, zone)
    if begin is not None and end is not None and end < begin:
        raise InvalidField.at("?to", "lies before from")
    return Window(query.type, begin, end)
