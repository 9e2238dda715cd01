"""Base amounts follow the rates, though no row of a deal changes: those and no others are brought again."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

from crm_warehouse.source.rates import KnownRates, compare_rates
from crm_warehouse.source.snapshot import Snapshot

pytestmark = pytest.mark.engines


def base_amounts(warehouse: Warehouse) -> dict[UUID, Decimal | None]:
    return {UUID(deal): base for deal, base in warehouse.read("SELECT deal_id, amount_base FROM fct_deal")}


def test_base_amounts_follow_the_rates(business: Business, warehouse: Warehouse) -> None:
    business.begin()
    still_open, won, in_base = business.deals(3)
    business.run("UPDATE deal_facts SET amount = 100, currency = 'USD', status = 'OPEN', closed_at = NULL")
    # On the first of April in Berlin.
    business.run("UPDATE deal_facts SET status = 'WON', closed_at = '2026-03-31 22:30Z' WHERE deal_id = %(id)s", id=won)
    business.run("UPDATE deal_facts SET currency = 'EUR' WHERE deal_id = %(id)s", id=in_base)
    business.quota("2026-02-01", "50", "USD")
    warehouse.sync()
    assert base_amounts(warehouse) == {still_open: None, won: None, in_base: 100}

    for day, rate in (("2026-01-01", "0.8"), ("2026-04-01", "0.75"), ("2026-04-02", "0.7"), ("2199-01-01", "0.1")):
        business.rate("USD", day, rate)
    assert warehouse.sync().rows == {"dim_exchange_rate": 4, "fct_deal": 2, "fct_quota": 1}
    assert base_amounts(warehouse) == {still_open: 70, won: 75, in_base: 100}
    assert warehouse.read("SELECT amount_base FROM fct_quota") == [(40,)]

    business.run("UPDATE directory_tenants SET base_currency = 'USD', version = 2")
    warehouse.sync()
    assert base_amounts(warehouse) == {still_open: 100, won: 100, in_base: None}
    warehouse.assert_equal()
    assert warehouse.sync().total == 0


def test_a_rate_concerns_what_it_can_have_changed(business: Business, warehouse: Warehouse) -> None:
    business.begin()
    tenant = str(business.tenant)

    def look(known: KnownRates) -> tuple[KnownRates, list[tuple[str, str | None, date | None]]]:
        with Snapshot.opened(warehouse.settings.dsn.get_secret_value(), None) as snapshot:
            now, rerated = compare_rates(snapshot, known)
        return now, rerated.found

    business.rate("USD", "2026-01-01", "0.8")
    known, found = look(KnownRates())
    assert found == [(tenant, None, None), (tenant, "USD", None)]
    assert look(known) == (known, [])

    business.rate("USD", "2199-01-01", "0.1")  # does not count yet
    assert look(known) == (known, [])
    business.rate("USD", "2026-04-02", "0.7")
    known, found = look(known)
    assert found == [(tenant, "USD", date(2026, 4, 2))]
    business.rate("USD", "2026-04-01", "0.75")  # before what was known: who knows since when
    known, found = look(known)
    assert found == [(tenant, "USD", None)]

    business.run("DELETE FROM exchange_rates WHERE effective_on = '2026-04-01'")
    known, found = look(known)
    assert found == [(tenant, "USD", None)]
    business.run("UPDATE directory_tenants SET time_zone = 'America/New_York', version = 2")
    known, found = look(known)
    assert found == [(tenant, None, None)]
    business.run("DELETE FROM exchange_rates")
    known, found = look(known)
    assert found == [(tenant, "USD", None)]
    assert known.digests == {}
