"""Deals over HTTP: what is answered, what is told, and each way of asking wrongly."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem

pytestmark = pytest.mark.engines


async def test_a_new_deal_has_the_defaults_of_the_contract(sales: Sales) -> None:
    answer = await sales.rep.post("/v1/deals", json={"name": "  Acme renewal "})
    deal = require_ok(answer, 201)
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/deals/{deal['id']}"
    assert answer.headers["crm-position"]
    expected: dict[str, Any] = {
        "name": "Acme renewal",
        "owner_id": str(sales.tenant.rep.id),
        "pipeline_id": sales.pipeline_id,
        "stage_id": sales.stages["Qualification"],
        "amount": None,
        "currency": "EUR",
        "status": "OPEN",
        "closed_at": None,
        "custom_data": {},
        "version": 1,
    }
    assert {name: deal[name] for name in expected} == expected
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}")) == deal


async def test_what_is_told_is_what_get_answers(sales: Sales) -> None:
    deal = await sales.create(amount=12500, currency="EUR", close_date="2026-11-30", description="x", external_id="7")
    assert deal["amount"] == "12500.00"
    edited = require_ok(await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"amount": "9.5"}))
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}")) == edited
    won = await sales.move(deal, "Closed Won")
    events = await sales.take_events()
    assert [event.type.removeprefix("crm.deal.") for event in events] == ["created", "updated", "stage_changed", "won"]
    assert [event.version for event in events] == [1, 2, 3, 4]
    assert [event.state for event in (events[0], events[1], events[3])] == [deal, edited, won]
    assert events[1].changed == {"amount": {"from": "12500.00", "to": "9.50"}}
    assert events[2].changed is not None
    assert events[2].changed["stage_name"] == {"from": "Qualification", "to": "Closed Won"}
    assert {event.actor_id for event in events} == {sales.tenant.rep.id}


@pytest.mark.parametrize(
    ("amount", "currency", "kept"),
    [("12500", "JPY", "12500"), (12.5, "EUR", "12.50"), ("1.234", "KWD", "1.234"), (0, "KWD", "0.000")],
)
async def test_money_is_kept_in_the_currencys_digits(sales: Sales, amount: Any, currency: str, kept: str) -> None:
    deal = await sales.create(amount=amount, currency=currency)
    assert deal["amount"] == kept
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))["amount"] == kept


async def test_a_json_number_is_read_exactly(sales: Sales) -> None:
    body = b'{"name": "Exact", "amount": 9999999999999.99}'
    answer = await sales.rep.post("/v1/deals", content=body, headers={"content-type": "application/json"})
    assert require_ok(answer, 201)["amount"] == "9999999999999.99"


async def test_a_change_of_currency_alone_fits_the_amount(sales: Sales) -> None:
    deal = await sales.create(amount="12.00")
    path = f"/v1/deals/{deal['id']}"
    assert require_ok(await sales.rep.patch(path, json={"currency": "JPY"}))["amount"] == "12"
    assert require_ok(await sales.rep.patch(path, json={"currency": "KWD"}))["amount"] == "12.000"
    require_ok(await sales.rep.patch(path, json={"amount": "1.234"}))
    require_problem(await sales.rep.patch(path, json={"currency": "EUR"}), 422, "invalid-field", "/currency")
    assert require_ok(await sales.rep.patch(path, json={"amount": None, "currency": "EUR"}))["amount"] is None


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "/name"),
    ({"name": "   "}, "/name"),
    ({"name": "x" * 256}, "/name"),
    ({"name": "a\x00b"}, "/name"),
    ({"amount": "-1"}, "/amount"),
    ({"amount": "1.005"}, "/amount"),
    ({"amount": "10000000000000.01"}, "/amount"),
    ({"amount": "1_000"}, "/amount"),
    ({"amount": True}, "/amount"),
    ({"amount": "NaN"}, "/amount"),
    ({"currency": "XXX"}, "/currency"),
    ({"currency": "eur"}, "/currency"),
    ({"close_date": "2026-02-30"}, "/close_date"),
    ({"close_date": 20261130}, "/close_date"),
    ({"close_date": "2026-11-30T10:00:00Z"}, "/close_date"),
    ({"owner_id": "nobody"}, "/owner_id"),
    ({"description": "x" * 50_001}, "/description"),
    ({"external_id": ""}, "/external_id"),
    ({"external_id": {}}, "/external_id"),
    ({"lost_reason": "open still"}, "/lost_reason"),
    ({"status": "WON"}, "/status"),
    ({"id": str(UUID(int=7))}, "/id"),
    ({"version": 7}, "/version"),
    ({"custom/~data": {}}, "/custom~1~0data"),
]


@pytest.mark.parametrize(("fields", "pointer"), BAD_BODIES, ids=[str(fields)[:40] for fields, _ in BAD_BODIES])
async def test_a_bad_field_is_named_on_creation_and_on_edit(
    steady: Sales, steady_deal: dict[str, Any], fields: dict[str, Any], pointer: str
) -> None:
    require_problem(await steady.rep.post("/v1/deals", json={"name": "Acme", **fields}), 422, "invalid-field", pointer)
    path = f"/v1/deals/{steady_deal['id']}"
    require_problem(await steady.rep.patch(path, json=fields), 422, "invalid-field", pointer)
    assert require_ok(await steady.rep.get(path)) == steady_deal


async def test_every_wrong_field_is_named_at_once(sales: Sales) -> None:
    body = {"amount": "x", "currency": "XXX", "nonsense": 1}
    pointers = ["/amount", "/currency", "/name", "/nonsense"]
    require_problem(await sales.rep.post("/v1/deals", json=body), 422, "invalid-field", *pointers)


@pytest.mark.parametrize("field", ["name", "owner_id", "currency"])
async def test_a_patch_cannot_empty_what_must_be(steady: Sales, steady_deal: dict[str, Any], field: str) -> None:
    path = f"/v1/deals/{steady_deal['id']}"
    require_problem(await steady.rep.patch(path, json={field: None}), 422, "invalid-field", f"/{field}")


@pytest.mark.parametrize("field", ["stage_id", "status", "closed_at", "created_at"])
async def test_a_patch_cannot_move_or_close(steady: Sales, steady_deal: dict[str, Any], field: str) -> None:
    answer = await steady.rep.patch(f"/v1/deals/{steady_deal['id']}", json={field: steady.stages["Proposal"]})
    require_problem(answer, 422, "invalid-field", f"/{field}")


async def test_a_patch_of_nothing_changes_and_tells_nothing(sales: Sales) -> None:
    deal = await sales.create()
    await sales.take_events()
    for body in ({}, {"name": deal["name"]}, {"amount": None, "lost_reason": None}):
        answer = await sales.rep.patch(f"/v1/deals/{deal['id']}", json=body)
        assert require_ok(answer) == deal
        assert answer.headers["etag"] == '"1"'
    assert await sales.take_events() == []


async def test_where_a_deal_starts(sales: Sales, elsewhere: Sales) -> None:
    deal = await sales.create(stage_id=sales.stages["Closed Lost"], lost_reason="too dear")
    assert (deal["status"], deal["version"], deal["lost_reason"]) == ("LOST", 2, "too dear")
    assert deal["closed_at"] == deal["created_at"]
    assert [event.verb for event in await sales.take_events()] == ["created", "lost"]
    assert (await sales.create(pipeline_id=sales.pipeline_id))["stage_id"] == sales.stages["Qualification"]
    for fields, slug, pointer in (
        ({"stage_id": str(uuid4())}, "invalid-stage", "/stage_id"),
        ({"stage_id": elsewhere.stages["Proposal"]}, "invalid-stage", "/stage_id"),
        ({"pipeline_id": str(uuid4())}, "unknown-reference", "/pipeline_id"),
        ({"pipeline_id": elsewhere.pipeline_id}, "unknown-reference", "/pipeline_id"),
        ({"pipeline_id": sales.pipeline_id, "stage_id": str(uuid4())}, "invalid-stage", "/stage_id"),
    ):
        answer = await sales.rep.post("/v1/deals", json={"name": "Acme", **fields})
        require_problem(answer, 422, slug, pointer)


async def test_ids_that_are_none_or_nobodys_are_not_found(sales: Sales) -> None:
    for deal_id in (str(uuid4()), "7", "nonsense", "0195a5f0-0000-7000-8000-00000000000g"):
        for answer in (
            await sales.rep.get(f"/v1/deals/{deal_id}"),
            await sales.rep.get(f"/v1/deals/{deal_id}/history"),
            await sales.rep.patch(f"/v1/deals/{deal_id}", json={"name": "x"}),
            await sales.rep.post(f"/v1/deals/{deal_id}/move", json={"stage_id": sales.stages["Proposal"]}),
            await sales.rep.get(f"/v1/pipelines/{deal_id}"),
            await sales.rep.get(f"/v1/pipelines/{deal_id}/board"),
        ):
            require_problem(answer, 404, "not-found")


async def test_if_match_lets_the_first_writer_win(sales: Sales) -> None:
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    require_ok(await sales.rep.patch(path, json={"name": "First"}, headers={"If-Match": '"1"'}))
    for call in (
        sales.rep.patch(path, json={"name": "Second"}, headers={"If-Match": '"1"'}),
        sales.rep.post(f"{path}/move", json={"stage_id": sales.stages["Proposal"]}, headers={"If-Match": '"1"'}),
        sales.rep.post(
            f"{path}/move",
            json={"stage_id": sales.stages["Proposal"]},
            headers={"If-Match": '"1"', "Idempotency-Key": "k"},
        ),
    ):
        assert require_problem(await call, 412, "stale-version")["current_version"] == 2
    require_ok(await sales.rep.patch(path, json={"name": "Third"}, headers={"If-Match": '"1", "2"'}))
    require_ok(await sales.rep.patch(path, json={"name": "Fourth"}, headers={"If-Match": "*"}))


@pytest.mark.parametrize("header", ["1", 'w/"1"', "W/1", '""', '"x"', "", '"1",', '"-1"', '"1234567890123456789"'])
async def test_an_if_match_that_is_none_is_malformed(steady: Sales, steady_deal: dict[str, Any], header: str) -> None:
    path = f"/v1/deals/{steady_deal['id']}"
    headers = {"If-Match": header}
    require_problem(await steady.rep.patch(path, json={"name": "x"}, headers=headers), 400, "malformed-request")
    body = {"stage_id": steady.stages["Proposal"]}
    require_problem(await steady.rep.post(f"{path}/move", json=body, headers=headers), 400, "malformed-request")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/deals?nonsense=1", "?nonsense"),
        ("/v1/deals?limit=0", "?limit"),
        ("/v1/deals?limit=201", "?limit"),
        ("/v1/deals?limit=x", "?limit"),
        ("/v1/deals?limit=1&limit=2", "?limit"),
        ("/v1/deals?cursor=x", "?cursor"),
        ("/v1/deals?cursor=", "?cursor"),
        ("/v1/deals?sort=amount", "?sort"),
        ("/v1/deals?sort=--name", "?sort"),
        ("/v1/deals?owner_id=x", "?owner_id"),
        ("/v1/deals?status=WAITING", "?status"),
        ("/v1/deals?currency=XXX", "?currency"),
        ("/v1/deals?external_id=%00", "?external_id"),
        ("/v1/deals?updated_since=2026", "?updated_since"),
        ("/v1/deals?updated_since=2026-11-22", "?updated_since"),
        ("/v1/deals?updated_since=0001-01-01T00:00:00%2B10:00", "?updated_since"),
        ("/v1/deals?updated_since=9999-12-31T23:59:59.9999999Z", "?updated_since"),
        ("/v1/deals?as_of=0001-01-01T00:00:00Z", "?as_of"),
        ("/v1/deals?close_date_from=0001-01-01", "?close_date_from"),
        ("/v1/deals?close_date_to=9999-12-31", "?close_date_to"),
        ("/v1/deals/{id}?nonsense=1", "?nonsense"),
        ("/v1/deals/{id}/history?nonsense=1", "?nonsense"),
        ("/v1/deals/{id}/history?cursor=WyJ2ZXJzaW9uIiwiOTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkiLCJ4Il0", "?cursor"),
        ("/v1/pipelines?nonsense=1", "?nonsense"),
        ("/v1/pipelines?sort=version", "?sort"),
        ("/v1/pipelines/{pipeline}?nonsense=1", "?nonsense"),
        ("/v1/pipelines/{pipeline}/board?limit=0", "?limit"),
        ("/v1/pipelines/{pipeline}/board?cursor=x", "?stage_id"),
        ("/v1/pipelines/{pipeline}/board?cursor=x&stage_id={stage}", "?cursor"),
        ("/v1/pipelines/{pipeline}/board?stage_id={id}", "?stage_id"),
        ("/v1/pipelines/{pipeline}/board?sort=name", "?sort"),
    ],
)
async def test_a_bad_parameter_is_named(steady: Sales, steady_deal: dict[str, Any], path: str, pointer: str) -> None:
    url = path.format(id=steady_deal["id"], pipeline=steady.pipeline_id, stage=steady.stages["Proposal"])
    require_problem(await steady.rep.get(url), 422, "invalid-field", pointer)


async def test_unknown_parameters_are_refused_on_writes_too(sales: Sales) -> None:
    deal = await sales.create()
    for answer in (
        await sales.rep.post("/v1/deals?dry=1", json={"name": "x"}),
        await sales.rep.patch(f"/v1/deals/{deal['id']}?dry=1", json={"name": "x"}),
        await sales.rep.post(f"/v1/deals/{deal['id']}/move?dry=1", json={"stage_id": sales.stages["Proposal"]}),
    ):
        require_problem(answer, 422, "invalid-field", "?dry")


async def test_a_deactivated_user_and_a_stranger_are_not_let_in(sales: Sales) -> None:
    deal = await sales.create()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE directory_users SET active = false WHERE tenant_id = $1 AND id = $2",
            sales.tenant.id,
            sales.tenant.rep.id,
        )
    require_problem(await sales.rep.get(f"/v1/deals/{deal['id']}"), 401, "unauthenticated")
    answer = await sales.kit.client_with(None).post("/v1/deals", json={"amount": "not looked at"})
    require_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
