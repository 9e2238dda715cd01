"""What CrmRoute does round every endpoint, on direct routes as on FastAPI's."""

from uuid import uuid4

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from crm_shared.http.direct import DirectRoutes
from crm_shared.http.positions import NOTHING, from_token
from crm_testing.answers import require_ok, require_problem
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Things = ServiceKit[ThingsSettings]


def fastapis_way(things: Things) -> ASGIApp:
    """Return the application without its direct routes."""
    direct = things.app.middleware_stack
    assert isinstance(direct, DirectRoutes)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = things.app
        await direct.rest(scope, receive, send)

    return serve


STEADY = ("content-type", "etag", "location", "www-authenticate", "ratelimit-limit", "retry-after")


async def test_direct_routes_answer_as_fastapi_does(things: Things, rep: httpx.AsyncClient) -> None:
    made = require_ok(await rep.post("/v1/things", json={"name": "a"}), 201)["id"]
    stray = made.replace("-", "")[:20] + "----" + made.replace("-", "")[20:]
    underscored = made[:-2] + "_" + made[-1]
    ids = (
        made, made.upper(), made.replace("-", ""), f"{{{made}}}", f"urn:uuid:{made}", stray, underscored,
        str(uuid4()), "7", "g" * 36, "-" * 36, "0" * 36, "%00", "x%2Fy", "\u0661" * 36, made + "/", made + "%20",
    )  # fmt: skip
    headers = {"authorization": rep.headers["authorization"]}
    transport = httpx.ASGITransport(app=fastapis_way(things))
    statuses = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://things.test", headers=headers) as other:
        for thing_id in ids:
            for tail in ("", "?nonsense=1", "?a=1&a=2"):
                direct = await rep.get(f"/v1/things/{thing_id}{tail}")
                by_fastapi = await other.get(f"/v1/things/{thing_id}{tail}")
                assert (direct.status_code, direct.content) == (by_fastapi.status_code, by_fastapi.content), thing_id
                for name in STEADY:
                    assert direct.headers.get(name) == by_fastapi.headers.get(name)
                statuses[f"{thing_id}{tail}"] = direct.status_code
    assert statuses[made] == 200
    assert statuses[stray] == statuses[underscored] == 404
    assert statuses[f"{made}?nonsense=1"] == 422


BODIES = (
    '{"name": "NAME", "notes": {"b": [1, 2.50]}}',
    '{"name": "NAME", "at": "2026-11-22T03:51:54+01:00", "day": "2026-11-22"}',
    "", "null", "[]", "7", '"a"', "{}", '{"name": null}', '{"name": ""}', '{"name": 7, "more": 1}',
    '{"name": "a", "notes": 7, "at": "x", "day": 7}', '{"name": "a"', '{"name": "\\u0000"}', "\xff", "NaN",
    "[" * 70 + "]" * 70,
)  # fmt: skip


async def test_direct_writes_answer_as_fastapi_does(things: Things, rep: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(app=fastapis_way(things))
    headers = {"authorization": rep.headers["authorization"]}
    statuses = []
    async with httpx.AsyncClient(transport=transport, base_url="http://things.test", headers=headers) as other:
        for body in BODIES:
            for kind in ("application/json", "application/problem+json", "text/plain", ""):
                for tail in ("", "?nonsense=1"):
                    answers = [
                        await client.post(
                            f"/v1/things{tail}",
                            content=body.replace("NAME", uuid4().hex).encode("latin-1"),
                            headers={"content-type": kind},
                        )
                        for client in (rep, other)
                    ]
                    direct, by_fastapi = (_as_of_any_thing(answer) for answer in answers)
                    assert direct == by_fastapi, (body, kind, tail)
                    statuses.append(answers[0].status_code)
    assert {201, 400, 415, 422} == set(statuses)


def _as_of_any_thing(answer: httpx.Response) -> tuple[object, ...]:
    """Return what two answers to one request have alike, whichever things they made."""
    body = answer.json()
    made_id, _ = body.pop("id", ""), body.pop("name", None)
    headers = {name: answer.headers.get(name, "").replace(made_id, "") for name in STEADY}
    return answer.status_code, body, headers


async def test_a_direct_route_takes_its_method_only(rep: httpx.AsyncClient) -> None:
    path = f"/v1/things/{uuid4()}"
    for method in ("HEAD", "PUT", "TRACE", "PROPFIND"):
        answer = await rep.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/things/x/y/z", "/v2/things"])
async def test_what_is_not_there_is_a_problem_too(rep: httpx.AsyncClient, path: str) -> None:
    require_problem(await rep.get(path), 404, "not-found")


async def test_what_nobody_foresaw_is_told_without_detail(rep: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        answer = await rep.get(f"/v1/things/{uuid4()}/fault")
    require_problem(answer, 500, "internal-error")
    assert "SELECT" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("request_failed", "error")]


async def test_the_trace_goes_on(rep: httpx.AsyncClient) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    for path in (f"/v1/things/{uuid4()}", "/v1/things", "/v1/things?nonsense=1"):
        answer = await rep.get(path, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        assert answer.headers["traceparent"].split("-")[1] == trace
        assert answer.headers["traceparent"].split("-")[2] != "b7ad6b7169203331"
        for bad in ("nonsense", f"00-{trace}-{'0' * 16}-01", f"00-{trace.upper()}-b7ad6b7169203331-01"):
            assert trace not in (await rep.get(path, headers={"traceparent": bad})).headers["traceparent"]


async def test_a_repeated_parameter_is_refused_unless_it_is_a_list(rep: httpx.AsyncClient) -> None:
    assert require_ok(await rep.get("/v1/things?tag=a&tag=b"))["tag"] == ["a", "b"]
    require_problem(await rep.get("/v1/things?limit=1&limit=2"), 422, "invalid-field", "?limit")
    require_problem(await rep.get("/v1/things?name=a&name=a"), 422, "invalid-field", "?name")
    require_problem(await rep.get("/v1/things?x=a&x=a"), 422, "invalid-field", "?x")


async def test_odd_query_strings_are_answered(rep: httpx.AsyncClient) -> None:
    require_problem(await rep.get("/v1/things?name=%00"), 422, "invalid-field", "?name")
    require_problem(await rep.get("/v1/things?%00=1"), 422, "invalid-field", "?\x00")
    require_problem(await rep.get("/v1/things?name=%ED%A0%80"), 422, "invalid-field", "?")
    require_problem(await rep.get("/v1/things?name=%FF"), 422, "invalid-field", "?")
    assert require_ok(await rep.get("/v1/things?&&"))["name"] is None
    require_problem(await rep.get(f"/v1/things?limit={'9' * 5000}"), 422, "invalid-field", "?limit")
    require_problem(await rep.get(f"/v1/things?cursor={'x' * 1001}"), 422, "invalid-field", "?cursor")


async def test_a_stranger_learns_nothing_of_what_is_there(things: Things) -> None:
    for header in (None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer x.y.z", "Bearer \u00e9"):
        client = things.client_with(None)
        headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
        for path in ("/v1/things?nonsense=1", f"/v1/things/{uuid4()}", "/v1/things/x"):
            answer = await client.get(path, headers=headers)
            require_problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
        require_problem(await client.post("/v1/things", content=b"{", headers=headers), 401, "unauthenticated")


async def test_a_role_that_never_may_hears_so_before_the_record_is_looked_at(
    rep: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    path = f"/v1/things/{uuid4()}"
    require_problem(await rep.delete(path), 403, "forbidden")
    answer = await admin.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["crm-position"]
    guarded = f"{path}/guarded"  # takes nothing but the context and an id, and is no direct route all the same
    require_problem(await rep.get(guarded), 403, "forbidden")
    require_ok(await admin.get(guarded))


async def test_a_write_that_names_no_record_has_a_position_of_nothing(rep: httpx.AsyncClient) -> None:
    thing_id = uuid4()
    headers = {"Idempotency-Key": uuid4().hex}
    answers = [await rep.post(f"/v1/things/{thing_id}/poke", headers=headers) for _ in range(2)]
    tokens = [answer.headers["crm-position"] for answer in answers]
    assert [(position.aggregate, position.version) for position in from_token(tokens[0])] == [(NOTHING, 0)]
    assert tokens[0] == tokens[1]
    assert "idempotency-replayed" in answers[1].headers
    made = await rep.post("/v1/things", json={"name": "a"})
    assert [position.aggregate for position in from_token(made.headers["crm-position"])] == ["deal"]
    refused = await rep.post("/v1/things", json={})
    assert "crm-position" not in refused.headers
    assert "crm-position" not in (await rep.get(f"/v1/things/named/{thing_id}")).headers
