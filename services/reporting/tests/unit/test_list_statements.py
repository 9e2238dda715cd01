"""The SQL of each list, to be read in `golden/`."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from crm_reporting.exchange_rates.queries import select_rates
from crm_reporting.exchange_rates.routes import SORTS
from crm_reporting.quotas import routes as quotas
from crm_reporting.quotas.queries import select_quotas
from crm_reporting.quotas.schemas import QuotaList
from crm_reporting.reports.movement.buckets import Bucket
from crm_reporting.reports.movement.queries import ORDER, select_moved_deals
from crm_reporting.reports.movement.spans import Span
from crm_reporting.reports.scope import Scope
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.http.cursors import parse_order
from crm_shared.listing import ListStatement, Page
from crm_testing.golden import (
    ADMIN,
    MANAGER,
    MOMENT,
    RECORD,
    REP,
    SHARED_WITH,
    TENANT,
    USER,
    Golden,
    after,
    first,
)


def test_rates(golden: Golden) -> None:
    by_day = parse_order("-effective_on", SORTS, id_column="r.id")
    golden.compare(
        "rates", {"sort=-effective_on, a later page": select_rates(Where(TENANT), after(by_day, MOMENT.date()))}
    )


def test_quotas(golden: Golden) -> None:
    newest = parse_order(None, quotas.SORTS, id_column="q.id")
    by_month = parse_order("month", quotas.SORTS, id_column="q.id")
    window = QuotaList.model_validate({"from": "2026-10", "to": "2026-12"})
    one = QuotaList.model_validate({"month": "2026-11"})

    golden.compare(
        "quotas",
        {
            "ADMIN": select_quotas(ADMIN, Where(TENANT), first(newest), users=(), is_one_month=False),
            "MANAGER, from=2026-10&to=2026-12&sort=month, a later page": select_quotas(
                MANAGER,
                quotas.to_where(window, TENANT),
                after(by_month, MOMENT.date()),
                users=(),
                is_one_month=False,
            ),
            "MANAGER, month=2026-11": select_quotas(
                MANAGER, quotas.to_where(one, TENANT), first(newest), users=(), is_one_month=True
            ),
            "REP, user_id=…": select_quotas(REP, Where(TENANT), first(by_month), users=[USER], is_one_month=False),
        },
    )


def test_moved_deals(golden: Golden) -> None:
    def select(caller: Caller, bucket: Bucket, page: Page, owners: Sequence[UUID] = ()) -> ListStatement:
        scope = Scope(caller, MOMENT, RECORD, owners, "EUR", "Europe/Berlin")
        span = Span(MOMENT - timedelta(days=7), MOMENT)
        worth = {"EUR": Decimal(1), "USD": Decimal("0.9")}
        return select_moved_deals(scope, span, bucket, page, worth=worth, moved=["USD"])

    golden.compare(
        "moved_deals",
        {
            "ADMIN, bucket=won": select(ADMIN, Bucket.WON, first(ORDER)),
            "MANAGER, bucket=fx&owner_id=…": select(MANAGER, Bucket.FX, first(ORDER), [USER]),
            "REP with shares, bucket=created, a later page": select(SHARED_WITH, Bucket.CREATED, after(ORDER)),
        },
    )
