"""PostgreSQL away: 503 with Retry-After, alive, not ready, and nothing told of why."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from libs.shared.tests.http.things import ThingsSettings, make_app

from crm_shared.clock import new_id
from crm_testing.answers import require_problem
from crm_testing.issuers import ThrowAwayIssuer


@pytest.fixture
def dead_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@pytest.fixture
async def stranded(tmp_path: Path, dead_port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a service whose database is not there, not even when it starts."""
    issuer = ThrowAwayIssuer(tmp_path)
    dsn = f"postgresql://things_app:hidden@127.0.0.1:{dead_port}/crm_things"
    values = {"dsn": dsn, "worker_dsn": dsn, "owner_dsn": dsn, "auth_jwks_url": issuer.jwks_url}
    app = make_app(ThingsSettings.model_validate({**values, "auth_issuer": issuer.issuer}))
    headers = {"authorization": f"Bearer {issuer.sign(new_id(), new_id())}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://things.test", headers=headers) as client,
    ):
        yield client


async def test_every_call_says_come_again(stranded: httpx.AsyncClient) -> None:
    for answer in (
        await stranded.get("/v1/things"),
        await stranded.get(f"/v1/things/{uuid4()}"),
        await stranded.post("/v1/things", json={"name": "a"}),
        await stranded.post("/v1/things", json={"name": "a"}, headers={"Idempotency-Key": "k"}),
        await stranded.delete(f"/v1/things/{uuid4()}"),
    ):
        require_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "127.0.0.1" not in answer.text


async def test_a_bad_token_is_still_told_apart(stranded: httpx.AsyncClient) -> None:
    require_problem(await stranded.get("/v1/things", headers={"authorization": "Bearer x"}), 401, "unauthenticated")


async def test_it_is_alive_and_not_ready(stranded: httpx.AsyncClient) -> None:
    assert (await stranded.get("/livez")).status_code == 200
    ready = await stranded.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert "127.0.0.1" not in ready.text
    assert "http_requests" in (await stranded.get("/metrics")).text
