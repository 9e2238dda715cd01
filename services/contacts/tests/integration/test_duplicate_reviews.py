"""The worker learns of a tenant's sure pairs, and looks at its contacts again with what it learnt."""

from typing import Any

import pytest
from services.contacts.tests.integration.duplicates_kit import AGAIN, JOHN, Dedup, list_rows

from crm_contacts.duplicates import index, learning
from crm_contacts.duplicates.lessons import NOTHING_LEARNT, Lessons
from crm_contacts.duplicates.reviewing import review_round
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

NAMES = ("Adeyemi", "Brandt", "Castellano", "Dvorak", "Eriksen", "Fontaine", "Grigorescu", "Haddad")


AS_BEFORE = (
    "UPDATE matching_profiles SET keys = keys[1:1] WHERE tenant_id = $1",
    """DELETE FROM matching_keys k USING matching_profiles p
        WHERE k.tenant_id = $1 AND p.tenant_id = $1 AND p.contact_id = k.contact_id AND k.key <> ALL (p.keys)""",
    "DELETE FROM matching_lessons WHERE tenant_id = $1",
)


async def review(dedup: Dedup) -> None:
    while await review_round(dedup.kit.database, SystemClock()):
        pass


async def load_lessons(dedup: Dedup) -> Lessons:
    async with dedup.kit.database.read_as_worker() as connection:
        return await learning.load_lessons(connection, dedup.tenant.id)


async def define_field(dedup: Dedup, key: str, *, used_for_matching: bool = True) -> dict[str, Any]:
    field = {"entity_type": "CONTACT", "key": key, "label": key, "field_type": "TEXT"}
    client = dedup.kit.client(dedup.tenant.admin)
    body = {**field, "used_for_matching": used_for_matching}
    return dict(require_ok(await client.post("/v1/custom-fields", json=body), 201))


async def make_sure_pairs(dedup: Dedup) -> None:
    for number, name in enumerate(NAMES):
        one = {"first_name": "Ngozi", "last_name": name, "phone": f"+4930555{number}174"}
        domain = f"{name.lower()}-werke.example"  # one of the two has it with a slip
        await dedup.create(**one, email=f"rocketman@{domain}", custom_data={"city": "Ballina"})
        await dedup.create(**one, email=f"rocketman@{domain[1:]}", custom_data={"city": "Lismore"})
    await dedup.consume()


async def test_a_tenant_is_learnt_of_and_its_contacts_are_scored_again(dedup: Dedup) -> None:
    await define_field(dedup, "city")
    await make_sure_pairs(dedup)
    before = {pair["id"]: pair for pair in await dedup.list_pairs(limit="100")}
    assert await load_lessons(dedup) == NOTHING_LEARNT

    await review(dedup)

    lessons = await load_lessons(dedup)
    assert (lessons.pairs, lessons.contacts) == (len(NAMES), 2 * len(NAMES))
    assert lessons.levels["custom_data.city"]["different"] > 0
    after = {pair["id"]: pair for pair in await dedup.list_pairs(limit="100")}
    assert after.keys() == before.keys()
    [reason] = [one for one in next(iter(after.values()))["reasons"] if one["field"] == "prior"]
    assert reason["learnt_from"] == len(NAMES)

    rows = await list_rows(dedup)
    await review(dedup)  # nothing new: nothing is written
    assert await list_rows(dedup) == rows


async def test_who_decided_is_not_overruled_by_a_review(dedup: Dedup) -> None:
    await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    require_ok(await dedup.kit.client(dedup.tenant.admin).post(f"/v1/duplicates/{pair['id']}/dismiss"))

    await review(dedup)

    assert await dedup.list_pairs() == []
    assert [one["id"] for one in await dedup.list_pairs(status="DISMISSED")] == [pair["id"]]


async def test_contacts_of_before_get_the_keys_that_a_release_adds(dedup: Dedup) -> None:
    await dedup.create(**JOHN)
    other = await dedup.create(first_name="Ada", last_name="Lovelace")
    await dedup.consume()
    await review(dedup)
    before = await list_rows(dedup)
    async with dedup.kit.database.begin_as_worker() as transaction:  # as an earlier release left it
        for statement in AS_BEFORE:
            await transaction.execute(statement, dedup.tenant.id)

    await review(dedup)

    assert len((await list_rows(dedup))["matching_keys"]) == len(before["matching_keys"])
    async with dedup.kit.database.read_as_worker() as connection:
        known = await index.load_known(connection, dedup.tenant.id, [other["id"]])
    assert len(next(iter(known.values())).keys) > 1


async def test_a_field_that_comes_to_be_used_is_evidence_for_those_who_have_it_already(dedup: Dedup) -> None:
    field = await define_field(dedup, "member_no", used_for_matching=False)
    for phone in ("+4930555551", "+4930777772"):
        await dedup.create(first_name="Ngozi", last_name="Adeyemi", phone=phone, custom_data={"member_no": "M-77"})
    await dedup.consume()
    await review(dedup)
    assert await dedup.list_pairs(band="AUTO") == []

    client = dedup.kit.client(dedup.tenant.admin)
    require_ok(await client.patch(f"/v1/custom-fields/{field['id']}", json={"used_for_matching": True}))
    await review(dedup)

    [pair] = await dedup.list_pairs(band="AUTO")
    assert "custom_data.member_no" in {reason["field"] for reason in pair["reasons"]}
    await dedup.consume_again()
    assert [one["id"] for one in await dedup.list_pairs(band="AUTO")] == [pair["id"]]


async def test_what_a_review_finds_sure_is_merged_where_the_system_may(dedup: Dedup) -> None:
    await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    await dedup.set_auto_merge(on=True)

    await review(dedup)

    assert [pair["status"] for pair in await dedup.list_pairs(status="MERGED")] == ["MERGED"]


async def test_tenants_are_learnt_of_apart(dedup: Dedup, neighbour: SeededTenant) -> None:
    there = Dedup(dedup.kit, neighbour, [])
    await there.set_auto_merge(on=False)
    await make_sure_pairs_without_a_field(there)
    await dedup.create(**JOHN)
    await dedup.consume()

    await review(dedup)

    assert (await load_lessons(there)).pairs == len(NAMES)
    assert (await load_lessons(dedup)).pairs == 0


async def make_sure_pairs_without_a_field(dedup: Dedup) -> None:
    for number, name in enumerate(NAMES):
        for _ in range(2):
            await dedup.create(first_name="Ngozi", last_name=name, phone=f"+4930555{number}174")
    await dedup.consume()
