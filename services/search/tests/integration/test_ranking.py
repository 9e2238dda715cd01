"""What is found, and what stands first."""

from datetime import UTC, datetime

import pytest

from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

YEARS_AGO = datetime(2021, 3, 1, 9, 0, tzinfo=UTC)


def add_office(story: SearchStory) -> None:
    now = datetime.now(UTC)
    acme = story.add(
        "acme", "company", name="Acme Corporation", domain="acme.example", industry="Manufacturing",
        tags=["key-account"], updated_at=YEARS_AGO,
    )  # fmt: skip
    zoe = story.add(
        "zoe", "contact", first_name="Zoë", last_name="Okonkwo", email="zoe.okonkwo@acme.example",
        phone="030 901820", phone_e164="+4930901820", company_id=acme.id, job_title="Head of Purchasing",
    )  # fmt: skip
    story.add("zoellner", "contact", first_name="Zoellner", last_name="Bernd", updated_at=now)
    story.add("marie", "contact", first_name="Anne-Marie", last_name="O'Brien", email="amob@brien.example",
              phone="(415) 555-2671", phone_e164="+14155552671")  # fmt: skip
    story.add("lukasz", "contact", first_name="Łukasz", last_name="Müller-Lüdenscheidt", external_id="sf-0031")
    story.add("wang", "contact", first_name="王", last_name="小明")
    stage = {"id": str(acme.id), "name": "Negotiation", "win_probability": 75, "kind": "OPEN", "position": 0}
    pipeline = story.add("pipeline", "pipeline", stages=[stage])
    renewal = story.add(
        "renewal", "deal", name="Acme renewal", contact_id=zoe.id, company_id=acme.id, pipeline_id=pipeline.id,
        stage_id=acme.id, amount="12500.00", description="Second year, 40 seats", updated_at=now,
    )  # fmt: skip
    story.add("exact-old", "company", name="Nordwind", updated_at=YEARS_AGO)
    story.add("partial-new", "company", name="Nordwind Logistics", updated_at=now)
    story.add("starts-new", "company", name="Nordwinderland", updated_at=now)
    story.add(
        "note", "activity", subject="Call about prices", body="She asks for <b>volume</b> discounts, delivery in März.",
        contact_id=zoe.id, deal_id=renewal.id, updated_at=now,
    )  # fmt: skip


CASES = [
    # exact names, in any order and without accents
    ("Zoë Okonkwo", ["zoe"]),
    ("okonkwo, zoe", ["zoe"]),
    ("Nordwind", ["exact-old", "partial-new", "starts-new"]),
    ("zoe", ["zoe", "zoellner"]),
    ("Acme Corporation", ["acme"]),
    # partial words
    ("acm ren", ["renewal"]),
    ("nordw log", ["partial-new"]),
    ("okonk", ["zoe"]),
    # typos
    ("Okonkwp", ["zoe"]),
    ("Oknokwo", ["zoe"]),
    ("Corporatoin Acme", ["acme"]),
    ("Corparatoin", ["acme"]),
    ("Manufakturing", ["acme"]),
    # accents, joined names, other scripts
    ("Lukasz Muller", ["lukasz"]),
    ("Mueller-Luedenscheidt", ["lukasz"]),
    ("obrien", ["marie"]),
    ("O’Brien", ["marie"]),  # noqa: RUF001
    ("annemarie", ["marie"]),
    ("小明", ["wang"]),
    # e-mail parts
    ("zoe.okonkwo@acme.example", ["zoe"]),
    ("okonkwo@acme", ["zoe"]),
    ("amob", ["marie"]),
    # phones: as typed, by E.164, abroad, a part, the last digits
    ("030 901820", ["zoe"]),
    ("030/90-18-20", ["zoe"]),
    ("+49 30 901820", ["zoe"]),
    ("0049 (30) 901820", ["zoe"]),
    ("901820", ["zoe"]),
    ("+1 415 555 2671", ["marie"]),
    ("(415) 555-2671", ["marie"]),
    ("555-2671", ["marie"]),
    ("zoe 901820", ["zoe"]),
    # details, related names, bodies
    ("purchasing", ["zoe"]),
    ("SF-0031", ["lukasz"]),
    ("negotiation", ["renewal"]),
    ("key-account", ["acme"]),
    ("volume discounts", ["note"]),
    ("delivery marz", ["note"]),
    ("discuonts", ["note"]),
    ("head purchasing at acme corporation", ["zoe"]),
]


@pytest.fixture(scope="session")
async def office(search: ServiceKit[SearchSettings], store: DocumentStore) -> SearchStory:
    story = SearchStory(await search.seed_tenant())
    add_office(story)
    await index_records(story.events(), search.database, store)
    await store.refresh()
    return story


@pytest.mark.parametrize(("query", "expected"), CASES, ids=[query for query, _ in CASES])
async def test_what_stands_first(
    search: ServiceKit[SearchSettings], office: SearchStory, query: str, expected: list[str]
) -> None:
    assert (await office.find(search.client(office.tenant.admin), query))[: len(expected)] == expected


@pytest.mark.parametrize("query", ["xyzzy", "Pkonkwo", "zeo", "12", "!!", "30 901821 77", "acma corporatoin zz"])
async def test_what_is_not_found(search: ServiceKit[SearchSettings], office: SearchStory, query: str) -> None:
    assert await office.find(search.client(office.tenant.admin), query) == []
