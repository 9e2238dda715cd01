"""What a path takes, who may say what twice, and which port answers whom."""

import asyncio
from uuid import UUID

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings, make_app

from crm_local.engines.ports import free_ports
from crm_shared.http.direct import entrance
from crm_shared.http.server import make_server, serving_beside
from crm_testing.answers import require_ok, require_problem
from crm_testing.raw_http import serving_on_socket, status_of
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Things = ServiceKit[ThingsSettings]
A_THING = f"/v1/things/{UUID(int=7)}"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/things", "GET, OPTIONS, POST"),
        ("/v1/things/rename", "OPTIONS, POST"),
        (A_THING, "DELETE, GET, OPTIONS"),
        ("/v1/things/no-id", "DELETE, GET, OPTIONS"),
        (f"{A_THING}/guarded", "GET, OPTIONS"),
    ],
)
async def test_a_path_names_its_methods_and_takes_no_other(things: Things, path: str, methods: str) -> None:
    client = things.client_with(None)
    options = await client.options(path)
    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", methods)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND"} - set(methods.split(", ")):
        answer = await client.request(method, path)
        assert answer.status_code == 405, method
        assert answer.headers["allow"] == methods
        assert answer.headers["content-type"] == "application/problem+json"
        if method != "HEAD":
            assert answer.json()["type"] == "/problems/method-not-allowed"


async def test_options_of_nothing_is_nothing(things: Things) -> None:
    require_problem(await things.client_with(None).options("/v1/nothing"), 404, "not-found")


@pytest.mark.parametrize("path", ["/v1/things/", f"{A_THING}/", "/v1//things", "/livez/"])
def test_no_answer_leads_where_the_request_says(things: Things, path: str) -> None:
    token = things.client_with(None).headers.get("authorization", "none")
    with serving_on_socket(entrance(make_app(things.settings)), things.settings) as served:
        head = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
        answer = served.ask(head.encode())
    assert status_of(answer) == 404
    assert b"location" not in answer.lower()
    assert b"evil.example" not in answer


@pytest.mark.parametrize("name", ["authorization", "content-type", "idempotency-key", "if-match", "host"])
async def test_who_says_a_thing_twice_is_not_believed_once(rep: httpx.AsyncClient, name: str) -> None:
    given = {"authorization": rep.headers["authorization"], "content-type": "application/json", "host": "things.test"}
    value = given.get(name, "*")
    headers = [*given.items(), *(2 - (name in given)) * [(name, value)]]
    require_problem(await rep.post("/v1/things", content=b'{"name": "a"}', headers=headers), 400, "malformed-request")


async def test_operators_have_a_port_of_their_own(things: Things) -> None:
    public, own = free_ports(2)
    settings = things.settings.model_copy(update={"http_port": public, "operations_port": own})
    app = make_app(settings)

    async def is_started() -> bool:
        return server.started

    server = make_server(entrance(app), settings, app.state.leaving)
    async with serving_beside(app.state.operations, settings, host="127.0.0.1", port=own):
        running = asyncio.create_task(server.serve())
        async with httpx.AsyncClient(trust_env=False) as client:
            await wait_until(is_started)
            for path in ("/readyz", "/metrics", "/docs", "/openapi.json", "/redoc"):
                require_problem(await client.get(f"http://127.0.0.1:{public}{path}"), 404, "not-found")
            for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
                assert (await client.get(f"http://127.0.0.1:{own}{path}")).status_code == 200, path
            assert (await client.get(f"http://127.0.0.1:{public}/livez")).status_code == 200
            require_problem(await client.get(f"http://127.0.0.1:{own}/v1/things"), 404, "not-found")
            document = require_ok(await client.get(f"http://127.0.0.1:{own}/openapi.json"))
            assert document["paths"].keys() == things.app.openapi()["paths"].keys()
            server.should_exit = True  # it waits for the connection that this client keeps
            await app.state.leaving.wait()
            answer = await client.get(f"http://127.0.0.1:{own}/readyz")
            assert (answer.status_code, answer.json()["status"]) == (503, "draining")
            assert (await client.get(f"http://127.0.0.1:{own}/livez")).status_code == 200
        await running
