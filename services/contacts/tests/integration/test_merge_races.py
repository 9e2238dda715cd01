"""Merges and undoings at once, on real locks: one wins, the others hear why not, and nobody waits in a circle."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
ROUNDS = 10
RACERS = 8


def count(answers: Iterable[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def create(client: httpx.AsyncClient, name: str, **fields: Any) -> str:
    answer = await client.post("/v1/contacts", json={"first_name": name, **fields})
    return str(require_ok(answer, 201)["id"])


def merge(client: httpx.AsyncClient, survivor_id: str, other_id: str, **headers: str) -> Any:
    return client.post(f"/v1/contacts/{survivor_id}/merge", json={"other_id": other_id}, headers=headers)


async def require_versions_in_turn(contacts: Contacts, tenant: SeededTenant) -> None:
    versions: dict[object, int] = {}
    for event in await contacts.take_events(tenant.id):
        assert event.version == versions.get(event.aggregate_id, 0) + 1
        versions[event.aggregate_id] = event.version


async def test_of_both_directions_at_once_one_wins(contacts: Contacts, tenant: SeededTenant) -> None:
    clients = [contacts.client(person) for person in (tenant.rep, tenant.manager, tenant.admin)]
    for _ in range(ROUNDS):
        one, two = await create(clients[0], "Zoë"), await create(clients[0], "Zoe")
        pairs = [(one, two), (two, one)] * (RACERS // 2)
        answers = await asyncio.gather(*(merge(clients[racer % 3], *pair) for racer, pair in enumerate(pairs)))
        # The loser of the same direction finds the two merged already, that of the other its contact gone.
        assert count(answers) == {200: 1, 404: RACERS // 2, 409: RACERS // 2 - 1}
        assert len(await walk_pages(clients[0], "/v1/merges", contact_id=one)) == 1
    await require_versions_in_turn(contacts, tenant)


async def test_a_ring_of_merges_leaves_one_alive_at_least(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for _ in range(ROUNDS):
        ring = [await create(client, name) for name in "ABCD"]
        answers = await asyncio.gather(
            *(merge(client, this, other) for this, other in zip(ring, [*ring[1:], ring[0]], strict=True))
        )
        assert set(count(answers)) <= {200, 404, 422, 409}
        unmerged_count = [(await client.get(f"/v1/contacts/{one}")).status_code for one in ring].count(200)
        assert unmerged_count == len(ring) - count(answers)[200] >= 1
    await require_versions_in_turn(contacts, tenant)


async def test_an_edit_in_flight_is_merged_or_finds_its_contact_gone(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for _ in range(ROUNDS):
        this, other = await create(client, "Zoë"), await create(client, "Zoe")
        merged, *edited = await asyncio.gather(
            merge(client, this, other),
            *(client.patch(f"/v1/contacts/{other}", json={"job_title": str(turn)}) for turn in range(4)),
            *(client.put(f"/v1/contacts/{this}/tags/{turn}") for turn in range(4)),
        )
        assert merged.status_code == 200
        assert set(count(edited[:4])) <= {200, 404}
        titles = [answer.json()["job_title"] for answer in edited[:4] if answer.status_code == 200]
        contact = require_ok(await client.get(f"/v1/contacts/{this}"))
        assert contact["job_title"] in (titles or [None])
        assert contact["tags"] == sorted(contact["tags"], key=contact["tags"].index)
        assert sorted(contact["tags"]) == ["0", "1", "2", "3"]  # an edit of the survivor is never lost
        undone = require_ok(await client.post(f"/v1/merges/{merged.json()['merge_id']}/undo"))
        assert undone["other"]["job_title"] in (titles or [None])
        assert undone["contact"]["job_title"] is None
    await require_versions_in_turn(contacts, tenant)


async def test_an_if_match_holds_against_a_merge(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for _ in range(ROUNDS):
        this, other = await create(client, "Zoë"), await create(client, "Zoe")
        expected = {"If-Match": '"1"'}
        merged, edited = await asyncio.gather(
            merge(client, this, other, **expected),
            client.patch(f"/v1/contacts/{this}", json={"job_title": "CEO"}, headers=expected),
        )
        assert sorted([merged.status_code, edited.status_code]) == [200, 412]


async def test_one_undo_of_many_wins(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    this, other = await create(client, "Zoë"), await create(client, "Zoe")
    merge_id = require_ok(await merge(client, this, other))["merge_id"]

    answers = await asyncio.gather(*(client.post(f"/v1/merges/{merge_id}/undo") for _ in range(RACERS)))

    assert count(answers) == {200: 1, 409: RACERS - 1}
    await require_versions_in_turn(contacts, tenant)


async def test_an_undo_and_a_later_merge_at_once(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for _ in range(ROUNDS):
        a, b, c = [await create(client, name) for name in "ABC"]
        merge_id = require_ok(await merge(client, b, a))["merge_id"]

        undone, merged = await asyncio.gather(client.post(f"/v1/merges/{merge_id}/undo"), merge(client, c, b))

        assert merged.status_code == 200  # of b, whether it stands for a too or not
        assert undone.status_code in {200, 409}
        found = await client.get(f"/v1/contacts/{a}")
        assert found.status_code == (200 if undone.status_code == 200 else 404)
    await require_versions_in_turn(contacts, tenant)


async def test_an_undo_and_a_new_owner_of_its_address_at_once(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    for turn in range(ROUNDS):
        address = f"z{turn}@acme.example"
        this, other = (
            await create(client, "Zoë", email=f"y{turn}@acme.example"),
            await create(client, "Z", email=address),
        )
        merge_id = require_ok(await merge(client, this, other))["merge_id"]

        undone, created = await asyncio.gather(
            client.post(f"/v1/merges/{merge_id}/undo"), client.post("/v1/contacts", json={"email": address})
        )

        assert (undone.status_code, created.status_code) in {(200, 409), (409, 201)}
        assert len(await walk_pages(client, "/v1/contacts", email=address)) == 1
