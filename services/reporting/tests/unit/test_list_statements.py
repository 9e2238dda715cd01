"""The SQL of each list, to be read in `golden/`."""

from crm_reporting.exchange_rates.queries import select_rates
from crm_reporting.exchange_rates.routes import SORTS
from crm_shared.database import Where
from crm_shared.http.cursors import parse_order
from crm_shared.testing.golden import MOMENT, TENANT, Golden, after


def test_rates(golden: Golden) -> None:
    by_day = parse_order("-effective_on", SORTS, id_column="r.id")
    golden.compare(
        "rates", {"sort=-effective_on, a later page": select_rates(Where(TENANT), after(by_day, MOMENT.date()))}
    )
