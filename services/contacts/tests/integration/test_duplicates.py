"""Duplicates found by the worker, decided by people, and merged by the system where it is sure."""

import pytest
from services.contacts.tests.integration.duplicates_kit import AGAIN, JOHN, Dedup, list_rows

from crm_contacts.duplicates import index
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_a_duplicate_is_found_with_its_reasons(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(first_name="Ada", last_name="Lovelace", phone="+4930555555")
    await dedup.consume()
    other = await dedup.create(**AGAIN)
    await dedup.consume()

    [pair] = await dedup.list_pairs()
    assert {contact["id"] for contact in pair["contacts"]} == {one["id"], other["id"]}
    assert (pair["band"], pair["status"]) == ("AUTO", "OPEN")
    assert pair["score"] > 0.85
    assert {"first_name", "last_name", "phone", "email"} <= {reason["field"] for reason in pair["reasons"]}
    reasons = " ".join(str(reason) for reason in pair["reasons"]).lower()
    assert not any(value in reasons for value in ("okonkwo", "901820", "acme"))

    client = dedup.kit.client(dedup.tenant.admin)
    [of_one] = require_ok(await client.get(f"/v1/contacts/{one['id']}/duplicates"))["items"]
    assert (of_one["id"], of_one["contact"]["id"]) == (pair["id"], other["id"])


async def test_both_in_one_batch_are_found_and_their_order_does_not_matter(dedup: Dedup) -> None:
    await dedup.create(**AGAIN)
    await dedup.create(**JOHN)
    await dedup.consume()

    assert len(await dedup.list_pairs(band="AUTO")) == 1
    assert await dedup.list_pairs(band="SUGGEST") == []


async def test_told_again_nothing_is_written(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    gone = await dedup.create(first_name="Ada", last_name="Lovelace")
    await dedup.consume()
    await dedup.patch(one, job_title="Buyer")
    await dedup.delete(gone)
    await dedup.consume()

    before = await list_rows(dedup)
    assert all(found for table, found in before.items() if table != "matching_lessons")
    await dedup.consume_again()
    assert await list_rows(dedup) == before


async def test_dismissed_stays_dismissed_until_the_data_changes(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    other = await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    client = dedup.kit.client(dedup.tenant.admin)

    for _ in range(2):  # again changes nothing
        answer = require_ok(await client.post(f"/v1/duplicates/{pair['id']}/dismiss"))
        assert (answer["id"], answer["status"]) == (pair["id"], "DISMISSED")
    await dedup.patch(one, tags=["vip"], source="INBOUND")
    await dedup.consume()
    assert await dedup.list_pairs() == []
    assert [found["id"] for found in await dedup.list_pairs(status="DISMISSED")] == [pair["id"]]

    await dedup.patch(other, job_title="Buyer")
    await dedup.consume()
    [again] = await dedup.list_pairs()
    assert again["id"] == pair["id"]


async def test_a_change_that_the_dismissing_saw_does_not_reopen(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    await dedup.patch(one, job_title="Buyer")
    require_ok(await dedup.kit.client(dedup.tenant.admin).post(f"/v1/duplicates/{pair['id']}/dismiss"))

    await dedup.consume()

    assert await dedup.list_pairs() == []


@pytest.mark.parametrize("change", ["renamed", "deleted", "erased"])
async def test_a_candidate_vanishes_with_its_ground(dedup: Dedup, change: str) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    client = dedup.kit.client(dedup.tenant.admin)

    if change == "renamed":
        await dedup.patch(one, first_name="Ada", last_name="Lovelace", phone=None, email=None)
    elif change == "deleted":
        await dedup.delete(one)
    else:
        require_ok(await client.post(f"/v1/contacts/{one['id']}/erase"))
        assert one["id"] not in str((await list_rows(dedup)).values())
    if change != "renamed":
        assert await dedup.list_pairs() == []  # before the worker has heard of it
    await dedup.consume()

    assert (await list_rows(dedup))["duplicate_candidates"] == []
    if change != "renamed":
        assert one["id"] not in str((await list_rows(dedup)).values())


async def test_a_restored_contact_is_found_again(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    client = dedup.kit.client(dedup.tenant.admin)
    await dedup.delete(one)
    await dedup.consume()
    assert await dedup.list_pairs() == []

    require_ok(await client.post(f"/v1/contacts/{one['id']}/restore"))
    await dedup.consume()

    assert len(await dedup.list_pairs()) == 1


async def test_counts_follow_what_is_there(dedup: Dedup) -> None:
    made = [await dedup.create(first_name="Ada", last_name=f"Lovelace{number}x") for number in range(3)]
    await dedup.consume()
    before = await list_rows(dedup)
    more = await dedup.create(**JOHN)
    await dedup.patch(more, last_name="Adeyemi")
    await dedup.consume()
    await dedup.delete(more)
    await dedup.consume()

    async with dedup.kit.database.read_as_worker() as connection:
        assert await index.load_terms(connection, dedup.tenant.id, [0]) == {0: len(made)}
    after = await list_rows(dedup)
    assert len(after["matching_terms"]) == len(before["matching_terms"])
    assert after["matching_keys"] == before["matching_keys"]


async def test_tenants_do_not_meet(dedup: Dedup, neighbour: SeededTenant) -> None:
    there = Dedup(dedup.kit, neighbour, [])
    await there.create(**AGAIN)
    await there.consume()
    await dedup.create(**JOHN)
    await dedup.consume()
    assert await dedup.list_pairs() == await there.list_pairs() == []

    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    stranger = dedup.kit.client(neighbour.admin)
    for action in ("merge", "dismiss"):
        require_problem(await stranger.post(f"/v1/duplicates/{pair['id']}/{action}"), 404, "not-found")
    contact_id = pair["contacts"][0]["id"]
    require_problem(await stranger.get(f"/v1/contacts/{contact_id}/duplicates"), 404, "not-found")
