"""Who sees a pair of duplicates, and what is decided of it: by people, by the system, by many at once."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from services.contacts.tests.integration.duplicates_kit import AGAIN, JOHN, PERHAPS, Dedup, list_rows

from crm_contacts.duplicates import index
from crm_contacts.duplicates.merging import merge_sure
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def test_a_pair_is_there_for_who_sees_both(dedup: Dedup) -> None:
    tenant = dedup.tenant
    for owner, phone in (
        (tenant.rep, "+4930901820"),
        (tenant.other_rep, "+4930901821"),
        (tenant.manager, "+4930901822"),
    ):
        for address in ("zebulon", "z.okonkwo"):
            await dedup.create(
                owner,
                **{
                    **JOHN,
                    "last_name": owner.full_name.split()[0] + "quist",
                    "phone": phone,
                    "email": f"{address}{phone[-1]}@acme.example",
                },
            )
    mixed = {"first_name": "Ngozi", "last_name": "Adeyemi", "phone": "+4930555551"}
    await dedup.create(tenant.rep, **mixed)
    await dedup.create(tenant.other_rep, **mixed)
    await dedup.consume()

    seen = {
        name: sorted(
            "+".join(sorted({owners[contact["owner_id"]] for contact in pair["contacts"]}))
            for pair in await dedup.list_pairs(getattr(tenant, name))
        )
        for owners in [{str(getattr(tenant, name).id): name for name in ("rep", "other_rep", "manager")}]
        for name in ("admin", "manager", "rep", "other_rep")
    }
    assert seen == {
        "admin": ["manager", "other_rep", "other_rep+rep", "rep"],
        "manager": ["manager", "rep"],
        "rep": ["rep"],
        "other_rep": ["other_rep"],
    }
    pairs = {pair["id"] for pair in await dedup.list_pairs()} - {
        pair["id"] for pair in await dedup.list_pairs(tenant.rep)
    }
    for candidate_id in pairs:
        for action in ("merge", "dismiss"):
            answer = await dedup.kit.client(tenant.rep).post(f"/v1/duplicates/{candidate_id}/{action}")
            require_problem(answer, 404, "not-found")


@pytest.mark.parametrize(("permission", "merging", "dismissing"), [("READ", 403, 403), ("WRITE", 403, 200)])
async def test_a_share_is_not_enough_to_merge(dedup: Dedup, permission: str, merging: int, dismissing: int) -> None:
    tenant = dedup.tenant
    theirs = await dedup.create(tenant.other_rep, **JOHN)
    await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()
    share = {"user_id": str(tenant.rep.id), "permission": permission}
    owner = dedup.kit.client(tenant.other_rep)
    require_ok(await owner.post(f"/v1/contacts/{theirs['id']}/shares", json=share), 201)

    [pair] = await dedup.list_pairs(tenant.rep)
    rep = dedup.kit.client(tenant.rep)
    assert (await rep.post(f"/v1/duplicates/{pair['id']}/merge")).status_code == merging
    assert (await rep.post(f"/v1/duplicates/{pair['id']}/dismiss")).status_code == dismissing


async def test_a_person_merges(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    other = await dedup.create(**AGAIN, job_title="Buyer")
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    client = dedup.kit.client(dedup.tenant.admin)

    body = {"survivor_id": other["id"], "choices": {"email": "other"}}
    answer = require_ok(await client.post(f"/v1/duplicates/{pair['id']}/merge", json=body))
    assert (answer["contact"]["id"], answer["contact"]["email"]) == (other["id"], one["email"])
    gone = require_problem(await client.get(f"/v1/contacts/{one['id']}"), 404, "not-found")
    assert gone["merged_into"] == other["id"]
    for action in ("merge", "dismiss"):
        problem = require_problem(await client.post(f"/v1/duplicates/{pair['id']}/{action}"), 409, "already-decided")
        assert problem["merged_into"] == other["id"]

    await dedup.consume()
    assert await dedup.list_pairs() == []
    assert [found["status"] for found in await dedup.list_pairs(status="MERGED")] == ["MERGED"]


async def test_the_older_survives_unless_named(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()

    answer = await dedup.kit.client(dedup.tenant.admin).post(f"/v1/duplicates/{pair['id']}/merge", json={})

    assert require_ok(answer)["contact"]["id"] == one["id"]


async def test_a_stale_version_merges_nothing(dedup: Dedup) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    client = dedup.kit.client(dedup.tenant.admin)

    answer = await client.post(f"/v1/duplicates/{pair['id']}/merge", headers={"If-Match": '"7"'})
    require_problem(answer, 412, "stale-version")
    answer = await client.post(f"/v1/duplicates/{pair['id']}/merge", headers={"If-Match": '"1"'})
    assert require_ok(answer)["contact"]["id"] == one["id"]


async def test_of_many_who_decide_at_once_one_does(dedup: Dedup) -> None:
    """The worker, two who merge the candidate, one who merges the contacts, one who dismisses: one outcome."""
    one = await dedup.create(**JOHN)
    other = await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    await dedup.set_auto_merge(on=True)
    client = dedup.kit.client(dedup.tenant.admin)

    *answers, _ = await asyncio.gather(
        client.post(f"/v1/duplicates/{pair['id']}/merge", json={"survivor_id": one["id"]}),
        client.post(f"/v1/duplicates/{pair['id']}/merge", json={"survivor_id": other["id"]}),
        client.post(f"/v1/contacts/{one['id']}/merge", json={"other_id": other["id"]}),
        client.post(f"/v1/duplicates/{pair['id']}/dismiss"),
        merge_sure(dedup.kit.database, {(dedup.tenant.id, UUID(one["id"]))}, SystemClock()),
    )

    assert {answer.status_code for answer in answers} <= {200, 404, 409, 422}, [answer.text for answer in answers]
    merges = require_ok(await client.get("/v1/merges"))["items"]
    assert len(merges) == 1
    await dedup.consume()
    assert await dedup.list_pairs() == []


@pytest.mark.parametrize("action", ["merge", "dismiss"])
async def test_a_contact_that_went_meanwhile_is_a_conflict(dedup: Dedup, action: str) -> None:
    one = await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    third = await dedup.create(first_name="Ada", last_name="Lovelace")
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    client = dedup.kit.client(dedup.tenant.admin)
    require_ok(await client.post(f"/v1/contacts/{third['id']}/merge", json={"other_id": one["id"]}))

    problem = require_problem(await client.post(f"/v1/duplicates/{pair['id']}/{action}"), 409, "contact-gone")
    assert (problem["contact_id"], problem["merged_into"]) == (one["id"], third["id"])

    await dedup.consume()
    require_problem(await client.post(f"/v1/duplicates/{pair['id']}/{action}"), 404, "not-found")


async def test_what_is_sure_is_merged_by_the_system(dedup: Dedup) -> None:
    await dedup.set_auto_merge(on=True)
    one = await dedup.create(**JOHN)
    other = await dedup.create(**AGAIN, job_title="Buyer")
    perhaps = await dedup.create(first_name="Ngozi", last_name="Adeyemi")
    await dedup.create(first_name="Ngozi", last_name="Adeyemi")
    published = await dedup.consume()

    client = dedup.kit.client(dedup.tenant.admin)
    survivor = require_ok(await client.get(f"/v1/contacts/{one['id']}"))
    assert survivor["job_title"] == "Buyer"
    assert (
        require_problem(await client.get(f"/v1/contacts/{other['id']}"), 404, "not-found")["merged_into"] == one["id"]
    )
    assert [event.actor_id for event in published if event.verb == "merged"] == [None, None]
    [suggested] = await dedup.list_pairs()
    assert suggested["band"] == "SUGGEST"
    assert perhaps["id"] in {contact["id"] for contact in suggested["contacts"]}

    before = await list_rows(dedup)
    await dedup.consume_again()
    assert await dedup.consume() == []
    assert await list_rows(dedup) == before


async def test_a_chain_of_three_ends_in_the_oldest(dedup: Dedup) -> None:
    await dedup.set_auto_merge(on=True)
    made = [await dedup.create(**JOHN), await dedup.create(**AGAIN)]
    made.append(await dedup.create(**{**JOHN, "email": "zebulon.okonkwo@acme.example"}))
    await dedup.consume()

    client = dedup.kit.client(dedup.tenant.admin)
    assert [found["id"] for found in require_ok(await client.get("/v1/contacts"))["items"]] == [made[0]["id"]]
    assert len(await dedup.list_pairs(status="MERGED")) >= 2


async def test_an_undone_merge_is_not_done_again(dedup: Dedup) -> None:
    await dedup.set_auto_merge(on=True)
    await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    client = dedup.kit.client(dedup.tenant.admin)
    [merge] = require_ok(await client.get("/v1/merges"))["items"]

    require_ok(await client.post(f"/v1/merges/{merge['id']}/undo"))
    await dedup.consume()

    assert len(require_ok(await client.get("/v1/contacts"))["items"]) == 2
    assert await dedup.list_pairs() == []
    [pair] = await dedup.list_pairs(status="DISMISSED")
    one = pair["contacts"][0]
    await dedup.patch(one, job_title="Buyer")  # suggested again, since its data changed; never merged by the system
    await dedup.consume()
    assert len(await dedup.list_pairs()) == 1
    assert len(require_ok(await client.get("/v1/contacts"))["items"]) == 2


async def test_a_common_key_is_passed_over(dedup: Dedup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_HOLDERS", 3)
    for _ in range(3):
        await dedup.create(**PERHAPS)
    await dedup.consume()
    assert len(await dedup.list_pairs()) == 3

    await dedup.create(**PERHAPS)
    await dedup.consume()

    assert len(await dedup.list_pairs()) == 3  # the fourth shares its keys with more than the cap


async def test_a_custom_field_used_for_matching_is_evidence(dedup: Dedup) -> None:
    client = dedup.kit.client(dedup.tenant.admin)
    field = {"entity_type": "CONTACT", "key": "member_no", "label": "Member", "field_type": "TEXT"}
    require_ok(await client.post("/v1/custom-fields", json={**field, "used_for_matching": True}), 201)
    for phone in ("+4930555551", "+4930777772"):
        await dedup.create(first_name="Ngozi", last_name="Adeyemi", phone=phone, custom_data={"member_no": "M-77"})
    await dedup.consume()

    [pair] = await dedup.list_pairs()
    [reason] = [reason for reason in pair["reasons"] if reason["field"] == "custom_data.member_no"]
    assert (reason["comparison"], pair["band"]) == ("same", "AUTO")
    assert reason["weight"] > 0


async def test_lists_are_paged(dedup: Dedup) -> None:
    made = [await dedup.create(**PERHAPS) for _ in range(4)]
    await dedup.consume()
    client = dedup.kit.client(dedup.tenant.admin)

    assert len({pair["id"] for pair in await walk_pages(client, "/v1/duplicates", limit=1)}) == 6
    assert (
        len({pair["id"] for pair in await walk_pages(client, f"/v1/contacts/{made[0]['id']}/duplicates", limit=1)}) == 3
    )


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/v1/duplicates?band=SURE", None, 422, "?band"),
    ("GET", "/v1/duplicates?status=open", None, 422, "?status"),
    ("GET", "/v1/duplicates?owner_id=1", None, 422, "?owner_id"),
    ("GET", "/v1/duplicates?cursor=x", None, 422, "?cursor"),
    ("GET", "/v1/duplicates?limit=0", None, 422, "?limit"),
    ("POST", "/v1/duplicates/{id}/merge", {"survivor": "x"}, 422, "/survivor"),
    ("POST", "/v1/duplicates/{id}/merge", {"survivor_id": "x"}, 422, "/survivor_id"),
    ("POST", "/v1/duplicates/{id}/merge", {"survivor_id": "0195a5f0-0000-7000-8000-000000000001"}, 422, "/survivor_id"),
    ("POST", "/v1/duplicates/{id}/merge", {"choices": {"email": "mine"}}, 422, "/choices/email"),
    ("POST", "/v1/duplicates/{id}/merge", {"choices": {"tags": "other"}}, 422, "/choices/tags"),
    ("POST", "/v1/duplicates/{id}/merge", [], 422, ""),
    ("POST", "/v1/duplicates/{id}/dismiss", {"why": "x"}, 422, "/why"),
]


async def test_bad_input_is_named(dedup: Dedup) -> None:
    await dedup.create(**JOHN)
    await dedup.create(**AGAIN)
    await dedup.consume()
    [pair] = await dedup.list_pairs()
    client = dedup.kit.client(dedup.tenant.admin)

    for method, path, body, status, pointer in WRONG:
        options = {} if body is None else {"json": body}
        problem = require_problem(await client.request(method, path.format(id=pair["id"]), **options), status)
        assert pointer in {error["pointer"] for error in problem["errors"]}, path
    for path in ("/v1/duplicates/x/merge", "/v1/duplicates/0195a5f0-0000-7000-8000-000000000001/dismiss"):
        require_problem(await client.post(path), 404, "not-found")
    require_problem(await client.get("/v1/contacts/x/duplicates"), 404, "not-found")
    assert [found["status"] for found in await dedup.list_pairs()] == ["OPEN"]
