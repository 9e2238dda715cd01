"""A sync brings what changed, once, and removes what is gone; afterwards the warehouse equals reporting's database."""

import random
from decimal import Context, Decimal
from typing import Any

import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

pytestmark = pytest.mark.engines


def test_five_thousand_deals_changed_at_random_equal_their_source(business: Business, warehouse: Warehouse) -> None:
    chance = random.Random(12)  # noqa: S311 - a test's choice
    business.begin()
    for currency, rate in (("USD", "0.91234567"), ("JPY", "0.0061"), ("KWD", "3.012345678901")):
        business.rate(currency, "2026-01-01", rate)
    deals = business.deals(5000)
    business.activities(500)
    business.quota("2026-01-01", "12500.00")
    set_amount = "UPDATE deal_facts SET amount = %(amount)s::numeric, currency = %(currency)s WHERE deal_id = %(id)s"
    business.run(set_amount, amount="9999999999999.999", currency="KWD", id=deals[0])
    business.run(set_amount, amount="12500", currency="JPY", id=deals[1])
    business.run(set_amount, amount="12500", currency="CHF", id=deals[2])
    warehouse.sync()
    warehouse.assert_equal()
    amounts: dict[Any, Any] = dict(warehouse.read("SELECT deal_id, (amount, amount_base) FROM fct_deal"))
    kuwaiti = Context(prec=60).multiply(Decimal("9999999999999.999"), Decimal("3.012345678901"))
    assert amounts[str(deals[0])] == (Decimal("9999999999999.999"), kuwaiti)
    assert amounts[str(deals[1])] == (Decimal(12500), Decimal("76.25"))
    assert amounts[str(deals[2])] == (Decimal(12500), None)

    changed = chance.sample(deals, 700)
    business.change(changed, chance)
    business.delete(changed[:50])
    before = warehouse.loaded_by("fct_deal", "deal_id")
    summary = warehouse.sync()
    warehouse.assert_equal()
    after = warehouse.loaded_by("fct_deal", "deal_id")
    moved = {key for key in after if before[key] != after[key]}
    assert moved == {(str(deal),) for deal in changed[50:]}
    assert summary.rows["fct_deal"] == 700
    assert "fct_activity" not in summary.rows

    assert warehouse.read("SELECT DISTINCT is_deleted FROM fct_deal") == [(False,)]
    assert warehouse.sync().total == 0
    assert warehouse.loaded_by("fct_deal", "deal_id") == after
