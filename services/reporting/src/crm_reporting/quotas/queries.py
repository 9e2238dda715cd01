"""SQL that reads quotas, for the caller's eyes only."""

from collections.abc import Sequence
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing import Listed, ListStatement, Page, select_visible_page

# With the day that the list may be sorted by, which is no part of the answer.
LISTED_QUOTAS = Listed(
    """ q.id, q.version, q.user_id, to_char(q.first_day, 'YYYY-MM') AS month, q.amount, q.currency, q.created_at,
        q.updated_at, q.first_day""",
    " FROM quotas q WHERE q.tenant_id = $1 AND ",
    "quotas q",
    "q.user_id",
)

SORT_KEYS = ("first_day",)


def select_quotas(
    caller: Caller, filters: Where, page: Page, *, users: Sequence[UUID], is_one_month: bool
) -> ListStatement:
    """Return a page of the quotas of users in sight. `filters` begins with the tenant as $1.

    A user has one quota a month: those of one month are few, those of all months are read user by user.
    """
    return select_visible_page(LISTED_QUOTAS, filters, caller, page, owners=users, by_owner=not is_one_month)
