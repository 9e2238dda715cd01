"""Whatever a REP writes: they see what they made or were given by a person, and others' contacts stay as they were."""

import random
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from services.contacts.tests.integration.duplicates_kit import Dedup
from services.contacts.tests.integration.importing import run_import

from crm_shared.access import Role
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import Person, make_person, seed_people

pytestmark = pytest.mark.engines

Json = dict[str, Any]

STEPS: Final = 20
COLLEAGUES: Final = [
    {"first_name": "Greta", "last_name": "Lang", "email": "greta.lang@kundenwelt.example", "phone": "+49 30 5550 4711"},
    {
        "first_name": "Zebulon",
        "last_name": "Okonkwo",
        "email": "zebulon.okonkwo@gmail.com",
        "phone": "+49 89 5551 4290",
    },
    {"email": "ngozi.adeyemi@acme.example", "phone": "+49 40 5552 9034", "job_title": "Buyer"},
]


@dataclass
class Machine:
    """A REP at work beside colleagues; `made` and `given` are ids of contacts, `others` what each colleague's is."""

    dedup: Dedup
    chance: random.Random
    colleagues: list[Person]
    made: list[str] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    others: dict[str, Json] = field(default_factory=dict)

    @property
    def rep(self) -> Person:
        return self.dedup.tenant.rep

    def imitate(self) -> Json:
        """Make what looks like somebody's contact by some of what they have."""
        person: dict[str, str | None] = dict(self.chance.choice(COLLEAGUES))
        local, _, domain = str(person["email"]).partition("@")
        number = self.chance.randrange(10**6)
        person["email"] = self.chance.choice(
            [
                *(f"{local}+{number}@{domain}", f"{local}{number}@{domain}", f"{local}@other{number}.example", None),
                f"{local[:1]}{local.partition('.')[2]}{number}@{domain}",
            ]
        )
        person["phone"] = self.chance.choice([person["phone"], str(person["phone"])[:-1] + "9", "0000000000", None])
        kept = {name: value for name, value in person.items() if value is not None and self.chance.random() < 0.8}
        return kept if kept.keys() & {"first_name", "email"} else {"email": f"{local}+{number}@{domain}"}

    async def create(self, **fields: Any) -> None:
        contact = await self.dedup.create(self.rep, **(fields or self.imitate()))
        self.made.append(contact["id"])

    async def write_batch(self) -> None:
        items = [self.imitate() | {"external_id": str(self.chance.randrange(10**9))} for _ in range(3)]
        body = {"mode": "upsert", "id_property": "external_id", "items": items}
        answer = require_ok(await self.dedup.kit.client(self.rep).post("/v1/contacts/batch", json=body), 207)
        self.made += [item["id"] for item in answer["items"] if item["status"] == 201]

    async def import_file(self) -> None:
        rows = [self.imitate() for _ in range(2)]
        names = ("first_name", "last_name", "email", "phone", "job_title")
        content = ",".join(names) + "\n" + "".join(",".join(row.get(name, "") for name in names) + "\n" for row in rows)
        before = {contact["id"] for contact in await self.list_all()}
        await run_import(self.dedup.kit, self.rep, content)
        self.made += [contact["id"] for contact in await self.list_all() if contact["id"] not in before]

    async def patch(self) -> None:
        if self.made:
            path = f"/v1/contacts/{self.chance.choice(self.made)}"
            await self.dedup.kit.client(self.rep).patch(path, json=self.imitate())

    async def reach_out(self) -> None:
        """Try to merge, and to take apart, whatever there is, by its id."""
        client = self.dedup.kit.client(self.rep)
        other_id = self.chance.choice(list(self.others))
        if self.made:
            path = f"/v1/contacts/{self.chance.choice(self.made)}/merge"
            assert (await client.post(path, json={"other_id": other_id})).status_code in {403, 404, 422}
        for pair in await self.dedup.list_pairs():
            ids = {contact["id"] for contact in pair["contacts"]}
            if not ids <= set(self.made):
                assert (await client.post(f"/v1/duplicates/{pair['id']}/merge")).status_code in {403, 404}

    async def be_given(self) -> None:
        contact = self.others[self.chance.choice(list(self.others))]
        owner = next(person for person in self.colleagues if str(person.id) == contact["owner_id"])
        body = {"user_id": str(self.rep.id), "permission": "READ"}
        await self.dedup.kit.client(owner).post(f"/v1/contacts/{contact['id']}/shares", json=body)
        self.given.add(contact["id"])
        self.others[contact["id"]] = await self.read(contact["id"])

    async def read(self, contact_id: str) -> Json:
        return require_ok(await self.dedup.kit.client(self.dedup.tenant.admin).get(f"/v1/contacts/{contact_id}"))

    async def list_all(self) -> list[Json]:
        return await walk_pages(self.dedup.kit.client(self.dedup.tenant.admin), "/v1/contacts", limit=200)

    async def check(self) -> None:
        await self.dedup.consume()
        client = self.dedup.kit.client(self.rep)
        admin = self.dedup.kit.client(self.dedup.tenant.admin)
        merges = await walk_pages(admin, "/v1/merges", limit=200)
        assert all({merge["survivor_id"], merge["other_id"]} <= set(self.made) for merge in merges)
        united = {merge["other_id"] for merge in merges}
        seen = {contact["id"] for contact in await walk_pages(client, "/v1/contacts", limit=200)}
        assert seen == (set(self.made) - united) | self.given
        assert {contact_id: await self.read(contact_id) for contact_id in self.others} == self.others


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_rep_sees_what_they_made_or_were_given_whatever_they_write(dedup: Dedup, seed: int) -> None:
    await dedup.set_auto_merge(on=True)
    tenant = dedup.tenant
    peer = make_person(tenant.id, "Pia Peer", Role.REP, manager=tenant.manager)
    await seed_people(dedup.kit.database, [peer])
    machine = Machine(dedup, random.Random(seed), [tenant.other_rep, peer, tenant.other_rep])  # noqa: S311 - repeatable
    for at, (owner, person) in enumerate(zip(machine.colleagues, COLLEAGUES, strict=True)):
        if at == 0:
            await machine.create()  # planted before the real one is there
        contact = await dedup.create(owner, **person)
        machine.others[contact["id"]] = contact
    for tag in "ab":  # the system is sure of these two, and of each with a colleague's
        await machine.create(**{**COLLEAGUES[1], "email": f"zebulon.okonkwo+{tag}@gmail.com"})
    acts = [
        *([machine.create] * 5), *([machine.write_batch] * 2), *([machine.patch] * 5), machine.import_file,
        *([machine.reach_out] * 2), machine.be_given,
    ]  # fmt: skip

    await machine.check()
    assert [pair["band"] for pair in await dedup.list_pairs()].count("AUTO") == 1  # theirs with the colleague's
    for step in range(STEPS):
        await machine.chance.choice(acts)()
        if step % 4 == 3:
            await machine.check()

    # The system was at work, on the REP's own.
    assert await walk_pages(dedup.kit.client(tenant.admin), "/v1/merges") != []
