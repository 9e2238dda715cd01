"""Companies that a file of deals names and nobody has: contacts makes each once, by the importer's own right."""

from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.import_kit import list_deals, read_errors, run
from services.deals.tests.integration.sales import ContactsStandIn, Sales

from crm_deals import consumers
from crm_shared.access import Caller
from crm_shared.contracts.states import CompanyState
from crm_shared.features.imports.intake import companies
from crm_shared.features.replicas.lookup import find_named
from crm_shared.features.replicas.records import from_state, save_records
from crm_testing import importing
from crm_testing.answers import require_ok, require_problem
from crm_testing.published_records import PublishedRecord
from crm_testing.query_plans import Explaining, list_nodes

pytestmark = pytest.mark.engines

CREATE = {"on_missing_company": "create"}


@pytest.fixture(autouse=True)
def _made_by_nobody(contacts: ContactsStandIn) -> None:
    contacts.companies.clear()


async def know_company(sales: Sales, name: str, owner_id: UUID, **fields: Any) -> str:
    company = PublishedRecord.new("company", sales.tenant.id, name=name, owner_id=str(owner_id), **fields)
    await consumers.keep_replicas([company.publish()], sales.kit.database)
    return str(company.id)


async def test_each_company_is_made_once_in_a_file_of_several_chunks(sales: Sales) -> None:
    known = await know_company(sales, "Known Ltd", sales.tenant.rep.id)
    await know_company(sales, "Theirs", sales.tenant.other_rep.id)
    names = ["New AG", "KNOWN LTD", "new  ag", "Theirs", "x" * 300, "", "New AG", "Other SE", "y" * 100_000]
    file = "name,company\n" + "".join(f"D{number},{name}\n" for number, name in enumerate(names))
    job = await run(sales, file, sales.tenant.rep, chunk_rows=2, **CREATE)
    assert (job["counts"]["created"], job["counts"]["failed"]) == (7, 2), await read_errors(sales, job)
    reasons = {error["reason"] for error in await read_errors(sales, job)}
    assert reasons == {"can't be made: should have at most 255 characters"}
    deals = await list_deals(sales)
    found = [deals[f"D{number}"]["company_id"] for number in (0, 1, 2, 3, 5, 6, 7)]
    new, other, theirs = (sales.contacts.companies[name] for name in ("new ag", "other se", "theirs"))
    assert found == [new["id"], known, new["id"], theirs["id"], None, new["id"], other["id"]]
    assert new["owner_id"] == str(sales.tenant.rep.id)
    assert {
        "column": "company",
        "detail": "companies that were not there were made (3): New AG, Theirs, Other SE",
    } in job["warnings"]
    again = await run(sales, file, sales.tenant.rep, **CREATE)
    assert again["counts"]["created"] == 7
    assert len(sales.contacts.companies) == 3
    assert again["warnings"] == []


async def test_what_contacts_has_and_deals_has_not_heard_of_is_taken(sales: Sales) -> None:
    """As by its domain, where the file has a page's address: its name here is another."""
    page = "https://acme.example/about"
    acme = sales.contacts.make_company("Acme", sales.tenant.rep.id, domain="acme.example")
    sales.contacts.companies[page] = acme
    job = await run(sales, f"name,company\nA,{page}\n", sales.tenant.rep, **CREATE)
    assert (job["counts"]["created"], job["warnings"]) == (1, [])
    assert (await list_deals(sales))["A"]["company_id"] == acme["id"]


async def test_a_dry_run_makes_no_company(sales: Sales) -> None:
    job = await run(sales, "name,company\nA,New AG\n", sales.tenant.rep, dry_run="true", **CREATE)
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 0)
    assert job["preview"][0]["action"] == "create"
    assert job["warnings"] == [{"column": "company", "detail": "companies that are not there would be made"}]
    assert "new ag" not in sales.contacts.companies


async def test_an_export_that_comes_back_makes_no_company_anew(sales: Sales) -> None:
    """Though the company of a deal is deleted by now: its name is not in the export, and its id is no change."""
    company = PublishedRecord.new("company", sales.tenant.id, name="Gone AG", owner_id=str(sales.tenant.rep.id))
    await consumers.keep_replicas([company.publish()], sales.kit.database)
    deal = await sales.create(name="A", company_id=str(company.id))
    shown = (await sales.rep.get("/v1/exports/deals.csv")).text
    await consumers.keep_replicas([company.delete()], sales.kit.database)
    hidden = (await sales.rep.get("/v1/exports/deals.csv")).text
    assert "Gone AG" in shown
    assert "Gone AG" not in hidden
    job = await run(sales, hidden, sales.tenant.rep, mode="update", **CREATE)
    assert (job["counts"]["unchanged"], job["counts"]["failed"]) == (1, 0), await read_errors(sales, job)
    assert sales.contacts.companies == {}
    assert (await list_deals(sales))["A"]["company_id"] == deal["company_id"]


async def test_while_contacts_is_away_nothing_is_taken_in(sales: Sales) -> None:
    sales.contacts.status = 503
    try:
        answer = await importing.upload(sales.rep, "name,company\nA,New AG\n", entity_type="DEAL", **CREATE)
        require_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"]
        # Whose companies are all there needs nobody.
        answer = await importing.upload(sales.rep, "name\nA\n", entity_type="DEAL", **CREATE)
        require_ok(answer, 201)
    finally:
        sales.contacts.status = 200
    listed = require_ok(await sales.rep.get("/v1/imports"))["items"]
    assert [one["mapping"] for one in listed] == [{"name": "name"}]


async def test_a_file_of_too_many_companies_makes_none(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companies, "MAX_COMPANIES", 2)
    file = "name,company\n" + "".join(f"D{number},Many {number}\n" for number in range(3))
    answer = await importing.upload(sales.rep, file, entity_type="DEAL", **CREATE)
    require_problem(answer, 422, "invalid-field", "/on_missing_company")
    assert "many 0" not in sales.contacts.companies


async def test_names_are_not_each_held_against_each_record(sales: Sales) -> None:
    """Right after thousands were made, of which statistics know nothing: 5,000 names ran into the time limit."""
    states = [sales.contacts.make_company(f"Made {number}", sales.tenant.rep.id) for number in range(2000)]
    records = [from_state(sales.tenant.id, CompanyState.model_validate(state)) for state in states]
    async with sales.kit.database.begin(sales.tenant.id) as transaction:
        await save_records(transaction, records)
    rep = sales.tenant.rep
    caller = Caller(rep.tenant_id, rep.id, rep.role, base_currency="EUR", time_zone="UTC", token="")
    async with sales.kit.database.read(sales.tenant.id) as connection:
        explaining = Explaining(connection)
        await find_named(explaining, caller, "company", [state["name"] for state in states])
    joins = {"Join Filter", "Hash Cond", "Merge Cond"}
    assert [joins & node.keys() for node in list_nodes(explaining.plan) if joins & node.keys()] == []
