"""What other products export arrives without a mapping. Each file has the columns that its product documents."""

from dataclasses import dataclass, field

import pytest
from services.contacts.tests.integration.importing import Kit, counts, run_import, upload

from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.arrivals import show_arrival
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


@dataclass(frozen=True)
class Product:
    """A file, and what its first row becomes. `company`: the name of the company that comes with it."""

    text: str
    expected: dict[str, object]
    company: str | None = None
    encoding: str = "utf-8"
    entity_type: str = "CONTACT"
    left_out: list[str] = field(default_factory=list)


PRODUCTS = {
    "hubspot": Product(
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Associated Company,Job Title,Lead Source,"
        "Lifecycle Stage,Create Date\n"
        "51,Ada,Byron,ada@acme.example,+1 415 555 2671,Jane Stranger,Acme,Analyst,Web form,Lead,2026-01-02 10:00\n",
        {"external_id": "51", "first_name": "Ada", "last_name": "Byron", "email": "ada@acme.example",
         "phone": "+1 415 555 2671", "job_title": "Analyst"},
        "Acme",
        left_out=["Contact owner", "Create Date", "Lead Source", "Lifecycle Stage"],
    ),
    "salesforce": Product(
        '"Salutation","First Name","Last Name","Title","Account Name","Mailing City","Phone","Mobile","Email",'
        '"Contact Owner","Lead Source","Contact ID"\n'
        '"Ms.","Ada","Byron","VP Sales","Acme","Oslo","+1 415 555 2671","","ada@acme.example","J Doe","Web","003A1"\n',
        {"first_name": "Ada", "job_title": "VP Sales", "phone": "+1 415 555 2671", "external_id": "003A1"},
        "Acme",
        left_out=["Contact Owner", "Lead Source", "Mailing City", "Salutation"],
    ),
    "pipedrive": Product(
        "Person - ID,Person - First name,Person - Last name,Person - Label,Person - Organization,"
        "Person - Email - Work,Person - Email - Home,Person - Phone - Work,Person - Phone - Mobile,Person - Owner\n"
        "7,Ada,Byron,Hot lead,Acme,ada@acme.example,,,+1 415 555 2671,Somebody Else\n",
        {"external_id": "7", "first_name": "Ada", "last_name": "Byron", "email": "ada@acme.example",
         "phone": "+1 415 555 2671", "tags": ["Hot lead"]},
        "Acme",
        left_out=["Person - Email - Home", "Person - Owner", "Person - Phone - Work"],
    ),
    "pipedrive: whole names, and the organization's columns": Product(
        "Person - ID,Person - Name,Person - Labels,Person - Email (Work),Person - Phone (Work),Person - Job title,"
        "Organization - ID,Organization - Name,Organization - Address,Person - Person created\n"
        "8,Ludwig van Beethoven,,lvb@acme.example,+1 415 555 2671,Composer,31,Acme,Bonn,2026-01-02 10:00:00\n",
        {"external_id": "8", "first_name": "Ludwig", "last_name": "van Beethoven", "email": "lvb@acme.example",
         "phone": "+1 415 555 2671", "job_title": "Composer"},
        "Acme",
        left_out=["Organization - Address", "Organization - ID", "Person - Name", "Person - Person created"],
    ),
    "pipedrive organizations": Product(
        "Organization - ID,Organization - Name,Organization - Labels,Organization - Website,Organization - Industry,"
        "Organization - Number of employees,Organization - Owner,Organization - People\n"
        "31,Acme,Key,https://acme.example,Anvils,51,Somebody Else,2\n",
        {"name": "Acme", "tags": ["Key"], "website": "https://acme.example", "industry": "Anvils", "size": "51"},
        entity_type="COMPANY",
        left_out=["Organization - ID", "Organization - Owner", "Organization - People"],
    ),
    "google: its older columns": Product(
        "Name,Given Name,Additional Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,"
        "Phone 1 - Type,Phone 1 - Value,Organization 1 - Type,Organization 1 - Name,Organization 1 - Title\n"
        "Rosa M Keller,Rosa,M,Keller,Navy ::: * myContacts,* Work,r@t.example,Mobile,+1 201 555 0160,,Acme,Buyer\n",
        {"first_name": "Rosa", "last_name": "Keller", "email": "r@t.example", "phone": "+1 201 555 0160",
         "job_title": "Buyer", "tags": ["Navy", "myContacts"]},
        "Acme",
        left_out=["Name", "E-mail 1 - Type"],
    ),
    "outlook": Product(
        "Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,Business Phone,"
        "Home Phone,Mobile Phone,Categories,E-mail Address,E-mail Type,E-mail Display Name,Web Page\r\n"
        "Mr.,Oskar,,Lindgren,,Acme,,Head of Purchasing,,,,+1 201 555 0142,Key;Nordic,o1@t.example,SMTP,Oskar,\r\n",
        {"first_name": "Oskar", "job_title": "Head of Purchasing", "phone": "+1 201 555 0142",
         "tags": ["Key", "Nordic"], "email": "o1@t.example"},
        "Acme",
        "cp1252",
    ),
    "google": Product(
        "First Name,Middle Name,Last Name,Organization Name,Organization Title,Birthday,Notes,Labels,E-mail 1 - Label,"
        "E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
        "Rosa,,Keller,Acme,Buyer,,,* myContacts ::: Navy,Work,r@t.example ::: r2@t.example,Mobile,+1 201 555 0160\n",
        {"first_name": "Rosa", "email": "r@t.example", "phone": "+1 201 555 0160", "job_title": "Buyer",
         "tags": ["myContacts", "Navy"]},
        "Acme",
    ),
    "thunderbird": Product(
        "First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Screen Name,Work Phone,Home Phone,"
        "Fax Number,Pager Number,Mobile Number,Job Title,Department,Organization,Web Page 1,Notes\n"
        "Ada,Byron,Ada Byron,,ada@acme.example,,,,,,,+1 201 555 0160,Analyst,,Acme,,\n",
        {"first_name": "Ada", "email": "ada@acme.example", "phone": "+1 201 555 0160", "job_title": "Analyst"},
        "Acme",
        left_out=["Work Phone", "Home Phone"],
    ),
    "mailchimp": Product(
        '"Email Address","First Name","Last Name","Address","Phone Number","Birthday","MEMBER_RATING","OPTIN_TIME",'
        '"LEID","EUID","NOTES","TAGS"\n'
        'ada@acme.example,Ada,Byron,,"+1 201 555 0160",,2,"2026-01-02 10:00:00",1,ab12,,"""vip"",""east"""\n',
        {"first_name": "Ada", "email": "ada@acme.example", "phone": "+1 201 555 0160", "tags": ["vip", "east"]},
    ),
    "hubspot companies": Product(
        "Record ID,Company name,Company owner,Phone Number,City,Industry,Company Domain Name,Website URL,"
        "Number of Employees\n9,Acme,Jane Stranger,,Oslo,Anvils,acme.example,https://acme.example,51\n",
        {"name": "Acme", "domain": "acme.example", "industry": "Anvils", "size": "51"},
        entity_type="COMPANY",
        left_out=["City", "Company owner", "Record ID"],
    ),
    "excel: sep, unnamed columns": Product(
        "\ufeffsep=;\r\nVorname;;E-Mail;\r\nUwe;x;u@t.example\r\n",
        {"first_name": "Uwe", "email": "u@t.example"},
    ),
    "excel: line breaks in the header": Product(
        '"First\nName";"Last\nName";Email\nOle;W;o6@t.example\n',
        {"first_name": "Ole", "last_name": "W", "email": "o6@t.example"},
    ),
    "excel: short rows": Product(
        "First Name,Email,Phone,Job Title\nBen,o8@t.example\n", {"first_name": "Ben", "email": "o8@t.example"}
    ),
    "excel: CR alone": Product("First Name,Email\rCru,c@t.example\r", {"first_name": "Cru", "email": "c@t.example"}),
    "excel: Unicode text": Product(
        "First Name\tEmail\r\nZoë\tz@t.example\r\n", {"first_name": "Zoë", "email": "z@t.example"}, encoding="utf-16"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
async def test_an_export_arrives_without_a_mapping(contacts: Kit, tenant: SeededTenant, name: str) -> None:
    product = PRODUCTS[name]
    content = product.text.encode(product.encoding)
    job = await run_import(
        contacts, tenant.rep, content, entity_type=product.entity_type, on_missing_company="create"
    )  # fmt: skip
    show_arrival(name, job)

    assert counts(job) == [1, 1, 0, 0, 0], job
    client = contacts.client(tenant.rep)
    path = "/v1/contacts" if product.entity_type == "CONTACT" else "/v1/companies"
    (found,) = await walk_pages(client, path)
    assert {key: found[key] for key in product.expected} == product.expected
    if product.company is not None:
        (company,) = await walk_pages(client, "/v1/companies")
        assert (company["name"], company["id"]) == (product.company, found["company_id"])
    warned = {one["column"] for one in job["warnings"]}
    assert set(product.left_out) <= warned, job["warnings"]


async def test_a_vcard_is_refused_by_its_name(contacts: Kit, tenant: SeededTenant) -> None:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Appleseed;John;;;\r\nFN:John Appleseed\r\nEND:VCARD\r\n"
    problem = require_problem(await upload(contacts.client(tenant.rep), card), 422, None, "/file")
    assert "vCard" in problem["detail"]


async def test_the_column_that_is_it_goes_before_the_first_that_could_be(contacts: Kit, tenant: SeededTenant) -> None:
    file = "Title,Mobile,Phone,Job Title,Email,Notes,Notes\nMr.,,+1 201 555 0150,Buyer,a@t.example,x,y\n"
    job = await run_import(contacts, tenant.rep, file, mapping={"Notes": None})

    (found,) = await walk_pages(contacts.client(tenant.rep), "/v1/contacts")
    assert (found["job_title"], found["phone"]) == ("Buyer", "+1 201 555 0150")
    assert [one["column"] for one in job["warnings"]] == ["Mobile", "Title"]
    job = await run_import(
        contacts, tenant.rep, "First Name,E-Mail,Email\nEd,o4@t.example,x@y.example\n",
        mapping={"E-Mail": "email", "Email": None},
    )  # fmt: skip
    assert job["mapping"] == {"First Name": "first_name", "E-Mail": "email", "Email": None}


async def test_companies_that_are_not_there_are_made_once_and_taken_back(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    file = "first_name,company\nA,Acme\nB,ACME\nC,bolt.example\nD,\n"
    left = await run_import(contacts, tenant.rep, file, on_missing_company="ignore")
    assert counts(left) == [4, 4, 0, 0, 0]
    assert [one["column"] for one in left["warnings"]] == ["company"]
    assert await walk_pages(client, "/v1/companies") == []
    failed = await run_import(contacts, tenant.rep, file)  # as is usual
    assert counts(failed) == [4, 1, 0, 0, 3]
    assert ["on_missing_company" in one["detail"] for one in failed["warnings"]] == [True]  # said once

    job = await run_import(contacts, tenant.rep, file, on_missing_company="create", chunk_rows=1)
    assert counts(job) == [4, 4, 0, 0, 0]
    assert job["warnings"] == [{"column": "company", "detail": "companies that were not there were made"}]
    companies = {one["name"]: one["domain"] for one in await walk_pages(client, "/v1/companies")}
    assert companies == {"Acme": None, "bolt.example": "bolt.example"}
    require_ok(await client.post(f"/v1/imports/{job['id']}/revert"))
