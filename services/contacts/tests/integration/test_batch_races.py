"""Batches at once: whatever their items' order, each ends in a 207, and one value stays one record's."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
ROWS = 60
RACERS = 6


async def send(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    return list(require_ok(await client.post(f"{path}/batch", json=body), 207)["items"])


def shuffled(items: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    mixed = list(items)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - the same order in every run
    return mixed


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize(
    ("path", "name"), [("/v1/contacts", "email"), ("/v1/contacts", "external_id"), ("/v1/companies", "domain")]
)
async def test_the_same_values_in_other_orders(
    contacts: Contacts, tenant: SeededTenant, path: str, name: str, mode: str
) -> None:
    client = contacts.client(tenant.rep)
    values = [f"{n}@x.example" if name == "email" else f"{n}.example" for n in range(ROWS)]
    naming = {"name": "Acme"} if path == "/v1/companies" else {"first_name": "Zoë"}
    items = [{name: value, **naming} for value in values]
    found_by = {} if mode == "create" else {"id_property": name}

    answered = await asyncio.gather(
        *(send(client, path, {"mode": mode, **found_by, "items": shuffled(items, racer)}) for racer in range(RACERS))
    )

    statuses = Counter(item["status"] for items in answered for item in items)
    assert statuses == {201: ROWS, {"create": 409, "upsert": 200}[mode]: ROWS * (RACERS - 1)}
    listed = await walk_pages(client, path, limit=200)
    assert sorted(record[name] for record in listed) == sorted(values)
    made = {item["id"] for items in answered for item in items if item["status"] == 201}
    assert made == {record["id"] for record in listed}
    for outcome in (outcome for outcomes in answered for outcome in outcomes):
        assert outcome["status"] != 409 or outcome["problem"]["existing_id"] in made


async def test_updates_of_the_same_contacts_in_other_orders(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    made = await send(client, "/v1/contacts", {"mode": "create", "items": [{"phone": f"1{n}"} for n in range(ROWS)]})
    await contacts.take_events(tenant.id)

    answered = await asyncio.gather(
        *(
            send(
                client,
                "/v1/contacts",
                {"mode": "update", "items": shuffled([{"id": i["id"], "job_title": str(racer)} for i in made], racer)},
            )
            for racer in range(RACERS)
        )
    )

    assert Counter(item["status"] for items in answered for item in items) == {200: ROWS * RACERS}
    assert {contact["version"] for contact in await walk_pages(client, "/v1/contacts")} == {RACERS + 1}
    versions: dict[object, int] = {}
    for event in await contacts.take_events(tenant.id):
        assert event.version == versions.get(event.aggregate_id, 1) + 1
        versions[event.aggregate_id] = event.version


async def test_values_that_cross_end_in_an_answer(contacts: Contacts, tenant: SeededTenant) -> None:
    """Batches that give and take one another's values have no common order; who has to give way starts again."""
    client = contacts.client(tenant.rep)
    items = [{"email": f"{n}@x.example", "external_id": f"e{n}"} for n in range(ROWS)]
    await send(client, "/v1/contacts", {"mode": "create", "items": items})

    def cross(racer: int) -> list[dict[str, Any]]:
        turned = [{"email": f"{n}@x.example", "external_id": f"e{(n + racer) % ROWS}"} for n in range(ROWS + 10)]
        return shuffled(turned, racer)

    answered = await asyncio.gather(
        *(
            send(client, "/v1/contacts", {"mode": "upsert", "id_property": name, "items": cross(racer)})
            for racer, name in enumerate(["email", "external_id"] * 3)
        )
    )

    assert {item["status"] for items in answered for item in items} <= {200, 201, 409}
    listed = await walk_pages(client, "/v1/contacts", limit=200)
    for name in ("email", "external_id"):
        values = [contact[name] for contact in listed if contact[name] is not None]
        assert len(values) == len(set(values))


async def test_fifty_creates_and_a_batch_make_one_contact(contacts: Contacts, tenant: SeededTenant) -> None:
    clients = [contacts.client(person) for person in tenant.people]
    items = [{"email": f"{n}@x.example"} for n in range(20)] + [{"email": "Zoe@x.example"}]

    batch, *singles = await asyncio.gather(
        clients[0].post("/v1/contacts/batch", json={"mode": "create", "items": items}),
        *(clients[n % 4].post("/v1/contacts", json={"email": "zoe@X.example"}) for n in range(50)),
    )

    in_batch = require_ok(batch, 207)["items"][-1]
    statuses = Counter([in_batch["status"], *(answer.status_code for answer in singles)])
    assert statuses == {201: 1, 409: 50}
    made = {answer.json()["id"] for answer in singles if answer.status_code == 201}
    made |= {in_batch["id"]} if in_batch["status"] == 201 else set()
    conflicts = [answer.json() for answer in singles if answer.status_code == 409]
    conflicts += [in_batch["problem"]] if in_batch["status"] == 409 else []
    assert {
        problem["existing_id"] for problem in conflicts if "existing_id" in problem
    } == made  # an ADMIN sees it, if none else


async def test_two_that_swap_addresses_get_an_answer_each(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for turn in range(6):
        addresses = [f"a{turn}@x.example", f"b{turn}@x.example"]
        one, two = await send(client, "/v1/contacts", {"mode": "create", "items": [{"email": a} for a in addresses]})

        answers = await asyncio.gather(
            client.patch(f"/v1/contacts/{one['id']}", json={"email": addresses[1]}),
            client.patch(f"/v1/contacts/{two['id']}", json={"email": addresses[0]}),
        )

        assert [answer.status_code for answer in answers] == [409, 409]  # neither is free before the other has moved
