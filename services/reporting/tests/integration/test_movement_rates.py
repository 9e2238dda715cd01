"""GET /v1/reports/movement: what exchange rates do to it. Figures are worked out by hand."""

from decimal import Decimal

import pytest
from services.reporting.tests.integration.movement_stories import (
    DAY,
    MONDAY,
    Reporting,
    list_filled,
    make_deal,
    on,
    publish,
    read_report,
    set_rate,
)

from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_rates_and_a_changed_currency(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """The example of docs/reports.md, and a deal that went from dollars to euros."""
    await set_rate(reporting, tenant, "USD", "2026-01-01", "0.9")
    await set_rate(reporting, tenant, "USD", MONDAY.date().isoformat(), "0.8")
    start = (MONDAY - DAY).isoformat()
    won, raised = make_deal(pipeline, tenant.rep, "1000"), make_deal(pipeline, tenant.rep, "100", currency="USD")
    won.move("Closed Won", at=MONDAY)
    on(raised, MONDAY).edit(amount=Decimal(120))
    created = make_deal(pipeline, tenant.rep, "50", at=MONDAY)
    await publish(reporting, won, raised, created)

    report = await read_report(reporting, tenant.rep, **{"from": start})
    assert (report["start"]["amount"], report["end"]["amount"]) == ("1090.00", "146.00")
    parts = {"created": (1, "50.00"), "won": (1, "-1000.00"), "increased": (1, "18.00"), "fx": (1, "-12.00")}
    assert list_filled(report) == parts

    on(raised, MONDAY + DAY).edit(currency="EUR", amount=Decimal(100))
    await publish(reporting, raised)
    report = await read_report(reporting, tenant.rep, **{"from": start})
    del parts["fx"]
    assert list_filled(report) == {**parts, "increased": (1, "10.00")}
    dollars = await read_report(reporting, tenant.rep, **{"from": start, "currency": "USD"})
    # 1000 EUR are 1111.11 USD at the start; 50 are 62.50 at the end; 100 EUR were 111.11 and are 125.00
    assert (dollars["start"]["amount"], dollars["end"]["amount"]) == ("1211.11", "187.50")
    assert list_filled(dollars) == {
        "created": (1, "62.50"),
        "won": (1, "-1111.11"),
        "increased": (1, "11.11"),
        "fx": (1, "13.89"),
    }


async def test_a_currency_without_a_rate_at_one_end_is_named(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", (MONDAY + DAY).date().isoformat(), "0.5")
    kept, created = make_deal(pipeline, tenant.rep, "8", currency="USD"), make_deal(pipeline, tenant.rep, "10")
    on(kept, MONDAY + DAY).edit(amount=Decimal(80))
    young = make_deal(pipeline, tenant.rep, "3", currency="USD", at=MONDAY + DAY)
    await publish(reporting, kept, created, young)
    report = await read_report(reporting, tenant.rep)
    assert report["missing_rates"] == ["USD"]
    assert report["start"] == {"deal_count": 2, "amount": "10.00", "weighted": "1.00"}
    assert report["end"] == {"deal_count": 3, "amount": "10.00", "weighted": "1.00"}
    assert list_filled(report) == {"created": (1, "0.00")}


async def test_the_day_of_a_rate_is_the_zones(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", "2026-01-01", "0.5")
    await set_rate(reporting, tenant, "USD", "2026-11-13", "0.6")
    await publish(reporting, make_deal(pipeline, tenant.rep, "100", currency="USD"))
    late = {"to": "2026-11-12T23:30:00Z"}  # half past midnight of the 13th in Berlin
    assert list_filled(await read_report(reporting, tenant.rep, **late)) == {"fx": (1, "10.00")}
    assert list_filled(await read_report(reporting, tenant.rep, **late, time_zone="America/New_York")) == {}
