"""Exports of other products arrive as deals without a mapping."""

from typing import Final

import pytest
from services.deals.tests.integration.import_kit import know_contact, list_deals, read_errors, run
from services.deals.tests.integration.sales import Sales

from crm_testing.arrivals import show_arrival

pytestmark = pytest.mark.engines


PRODUCTS: Final[dict[str, tuple[str, dict[str, str], set[str]]]] = {
    "HubSpot": (
        (
            "Record ID,Deal Name,Deal Stage,Pipeline,Close Date,Deal owner,Amount,Associated Contact,Create Date\n"
            "9001,Renewal,Proposal,Sales,2026-12-01 14:30,Somebody Else,1200.50,,2024-01-01 09:00\n"
        ),
        {
            "stage": "Proposal", "amount": "1200.50", "close_date": "2026-12-01", "external_id": "9001",
            "created_at": "2024-01-01T08:00:00Z",
        },
        {"Deal owner"},
    ),
    "Salesforce": (
        (
            "Opportunity ID,Opportunity Name,Stage,Amount,Close Date,Account Name,Opportunity Owner,Created Date\n"
            '0065g00000AbCdE,Renewal,Proposal,"12,500.00",12/31/2026,,Somebody Else,1/31/2024\n'
        ),
        {
            "stage": "Proposal", "amount": "12500.00", "close_date": "2026-12-31", "external_id": "0065g00000AbCdE",
            "created_at": "2024-01-30T23:00:00Z",
        },
        {"Opportunity Owner", "Created Date", "Close Date"},
    ),
    "Pipedrive": (
        (
            "Deal - ID,Deal - Title,Deal - Value,Deal - Currency of Value,Deal - Stage,Deal - Pipeline,Deal - Status,"
            "Deal - Expected close date,Deal - Owner,Deal - Contact person,Deal - Organization,Deal - Lost reason\n"
            "17,Renewal,1200,USD,Proposal,Sales,Lost,2026-12-01,Somebody Else,,,price\n"
        ),
        {"stage": "Closed Lost", "amount": "1200.00", "close_date": "2026-12-01", "external_id": "17"},
        {"Deal - Owner"},
    ),
    "Pipedrive with people and organizations": (
        (
            "Deal - ID,Deal - Title,Deal - Value,Deal - Currency,Deal - Stage,Deal - Status,Deal - Deal created,"
            "Deal - Won time,Deal - Probability,Person - ID,Person - Name,Organization - Name,Organization - ID\n"
            "18,Renewal,1200,USD,Proposal,Won,2024-01-01 09:00:00,2024-02-01 09:00:00,,7,,,31\n"
        ),
        {
            "stage": "Closed Won", "amount": "1200.00", "external_id": "18", "created_at": "2024-01-01T08:00:00Z",
            "closed_at": "2024-02-01T08:00:00Z", "contact_id": "the person 7",
        },
        {"Organization - ID", "Person - Name"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS)
async def test_an_export_of_another_product_arrives_without_a_mapping(sales: Sales, product: str) -> None:
    content, expected, warned = PRODUCTS[product]
    person_id = await know_contact(sales, external_id="7")
    job = await run(sales, content)
    show_arrival(product, job)
    assert job["counts"]["created"] == 1, await read_errors(sales, job)
    assert {warning["column"] for warning in job["warnings"]} == warned
    deal = (await list_deals(sales))["Renewal"]
    deal["contact_id"] = "the person 7" if deal["contact_id"] == str(person_id) else deal["contact_id"]
    names = {stage_id: name for name, stage_id in sales.stages.items()}
    assert {"stage": names[deal["stage_id"]], **{name: deal[name] for name in expected if name != "stage"}} == expected
