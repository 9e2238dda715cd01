"""Many at once: one address goes to one contact, and no race makes an organisation that no single change could."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
RACERS = 20


def count(answers: Iterable[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_one_address_goes_to_one_of_many(contacts: Contacts, tenant: SeededTenant) -> None:
    clients = [contacts.client(person) for person in tenant.people]

    answers = await asyncio.gather(
        *(
            clients[racer % 4].post(
                "/v1/contacts", json={"email": "zoe@acme.example".upper() if racer % 2 else "zoe@ACME.example"}
            )
            for racer in range(RACERS)
        )
    )

    assert count(answers) == {201: 1, 409: RACERS - 1}
    (winner,) = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    refused = [require_problem(answer, 409, "duplicate-email") for answer in answers if answer.status_code == 409]
    # Of the four people some see whose it is: an ADMIN does.
    assert {problem["existing_id"] for problem in refused if "existing_id" in problem} == {winner}
    assert [event.verb for event in await contacts.take_events(tenant.id)] == ["created"]


async def test_one_domain_goes_to_one_of_many(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    answers = await asyncio.gather(
        *(client.post("/v1/companies", json={"name": str(racer), "domain": "acme.com"}) for racer in range(RACERS))
    )

    assert count(answers) == {201: 1, 409: RACERS - 1}


async def test_one_address_is_patched_onto_one_of_many(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    ids = [
        require_ok(await client.post("/v1/contacts", json={"first_name": str(racer)}), 201)["id"]
        for racer in range(RACERS)
    ]

    answers = await asyncio.gather(
        *(client.patch(f"/v1/contacts/{contact_id}", json={"email": "zoe@acme.example"}) for contact_id in ids)
    )

    assert count(answers) == {200: 1, 409: RACERS - 1}
    (winner,) = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert {answer.json()["existing_id"] for answer in answers if answer.status_code == 409} == {winner}


async def test_edits_of_one_contact_follow_each_other(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    path = f"/v1/contacts/{require_ok(await client.post('/v1/contacts', json={'first_name': 'Z'}), 201)['id']}"

    answers = await asyncio.gather(
        *(client.put(f"{path}/tags/{racer}") for racer in range(RACERS)),
        *(client.patch(path, json={"job_title": str(racer)}, headers={"If-Match": '"1"'}) for racer in range(RACERS)),
    )

    tagged, patched = answers[:RACERS], answers[RACERS:]
    assert count(tagged) == {200: RACERS}
    assert count(patched) in ({412: RACERS}, {200: 1, 412: RACERS - 1})
    contact = require_ok(await client.get(path))
    assert sorted(contact["tags"], key=int) == [str(racer) for racer in range(RACERS)]
    versions = [event.version for event in await contacts.take_events(tenant.id)]
    assert versions == list(range(1, contact["version"] + 1))


async def test_one_key_makes_one_contact(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    key = {"Idempotency-Key": "once"}

    answers = await asyncio.gather(
        *(client.post("/v1/contacts", json={"first_name": "Zoë"}, headers=key) for _ in range(RACERS))
    )

    assert set(count(answers)) <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(await walk_pages(client, "/v1/contacts")) == 1


async def test_two_cannot_become_each_others_manager(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    one, two = tenant.manager.id, tenant.other_rep.id

    answers = await asyncio.gather(
        admin.patch(f"/v1/users/{one}", json={"manager_id": str(two)}),
        admin.patch(f"/v1/users/{two}", json={"manager_id": str(one)}),
    )

    assert count(answers) == {200: 1, 422: 1}


async def test_those_who_leave_at_once_do_not_succeed_each_other(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    ring = [tenant.manager.id, tenant.rep.id, tenant.other_rep.id]

    answers = await asyncio.gather(
        *(
            admin.patch(f"/v1/users/{leaver}", json={"active": False, "successor_id": str(successor)})
            for leaver, successor in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
    )

    # Whoever names somebody who has left already is refused, so that the chain ends at somebody who is there.
    assert count(answers) in ({200: 1, 422: 2}, {200: 2, 422: 1})
    users = {user["id"]: user for user in await walk_pages(admin, "/v1/users")}
    for leaver in map(str, ring):
        for _ in ring:
            leaver = users[leaver]["successor_id"] or leaver  # noqa: PLW2901 - a walk
        assert users[leaver]["active"]


async def test_two_admins_cannot_both_leave(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    require_ok(await admin.patch(f"/v1/users/{tenant.manager.id}", json={"role": "ADMIN"}))
    second = contacts.client(tenant.manager)

    answers = await asyncio.gather(
        admin.patch(f"/v1/users/{tenant.manager.id}", json={"role": "REP"}),
        second.patch(f"/v1/users/{tenant.admin.id}", json={"role": "REP"}),
    )

    # The slower one is no ADMIN any more, or would leave none.
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])


async def test_one_user_address_goes_to_one_of_many(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    body = {"email": "jana@nordwind.example", "full_name": "Jana"}

    answers = await asyncio.gather(*(admin.post("/v1/users", json=body) for _ in range(RACERS)))

    assert count(answers) == {201: 1, 409: RACERS - 1}


ADDRESSES = st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "c@x.example"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.integers(0, 3), ADDRESSES),
        st.tuples(st.just("edit"), st.integers(0, 3), ADDRESSES),
        st.tuples(st.just("delete"), st.integers(0, 3), st.just("")),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_addresses_stay_unique_through_any_history(contacts: Contacts, steps: list[tuple[str, int, str]]) -> None:
    tenant = await contacts.seed_tenant()
    client = contacts.client(tenant.rep)
    present: dict[str, str] = {}  # id -> address, oldest first
    for step, place, address in steps:
        chosen = list(present)[place] if place < len(present) else None
        holder = next((key for key, value in present.items() if value.lower() == address.lower()), None)
        if step == "create":
            answer = await client.post("/v1/contacts", json={"email": address})
            expected = 201 if holder is None else 409
            if holder is None:
                present[answer.json()["id"]] = address
        elif chosen is None:
            continue
        elif step == "edit":
            answer = await client.patch(f"/v1/contacts/{chosen}", json={"email": address})
            expected = 200 if holder in {None, chosen} else 409
            if expected == 200:
                present[chosen] = address
        else:
            answer = await client.delete(f"/v1/contacts/{chosen}")
            expected = 204
            del present[chosen]
        assert answer.status_code == expected, (step, answer.text)

    listed = await walk_pages(client, "/v1/contacts", sort="created_at", limit=2)
    assert {contact["id"]: contact["email"] for contact in listed} == present
    versions: dict[object, int] = {}
    for event in await contacts.take_events(tenant.id):
        assert event.version == versions.get(event.aggregate_id, 0) + 1
        versions[event.aggregate_id] = event.version
