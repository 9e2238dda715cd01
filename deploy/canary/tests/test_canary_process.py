"""The process: its settings, its health, its metrics, its endpoint, and tokens of an issuer."""

import asyncio
from pathlib import Path

import httpx
import pytest
from deploy.canary.tests.fake_suite import TOKEN, FakeSuite
from pydantic import ValidationError
from typer.testing import CliRunner

from crm_canary.app import CanaryApp
from crm_canary.cli import app, make_app
from crm_canary.settings import CanarySettings
from crm_canary.tokens import ClientCredentials, NoToken

URLS = {f"{name}_url": f"http://{name}" for name in ("deals", "activities", "search", "reporting")}


def make_settings(folder: Path, **more: object) -> CanarySettings:
    (folder / "token").write_text(TOKEN)
    return CanarySettings(**(URLS | {"token_file": folder / "token", "webhook_url": "http://c/hook"} | more))  # type: ignore[arg-type]


async def ask(canary: CanaryApp, method: str, path: str, **more: object) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=canary), base_url="http://canary") as client:
        return await client.request(method, path, **more)  # type: ignore[arg-type]


async def test_it_moves_while_it_lives_and_answers(tmp_path: Path) -> None:
    delivered: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
    suite = FakeSuite(deliver=lambda headers, body: delivered.put_nowait((headers, body)))
    canary = make_app(make_settings(tmp_path, every_s=0.01), httpx.MockTransport(suite.answer))
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent.put_nowait({"type": "lifespan.startup"})
    lifespan = asyncio.create_task(canary({"type": "lifespan"}, sent.get, received.put))  # type: ignore[arg-type]
    assert (await received.get())["type"] == "lifespan.startup.complete"
    headers, body = await delivered.get()
    assert (await ask(canary, "POST", "/hook", content=body, headers=headers)).status_code == 204
    assert (await ask(canary, "POST", "/hook", content=body)).status_code == 401
    assert (await ask(canary, "POST", "/hook", content=b"x" * 2_000_000)).status_code == 413
    assert (await ask(canary, "GET", "/livez")).status_code == 200
    assert (await ask(canary, "GET", "/readyz")).status_code == 200
    assert (await ask(canary, "GET", "/hook")).status_code == 404
    page = (await ask(canary, "GET", "/metrics")).text
    assert 'crm_canary_last_success_timestamp_seconds{hop="webhook"}' in page
    sent.put_nowait({"type": "lifespan.shutdown"})
    await lifespan


async def test_an_issuer_is_asked_again_when_the_token_ends_or_is_refused(tmp_path: Path) -> None:
    asked: list[str] = []
    lives_s = [3600, 0, 3600]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        if len(asked) > len(lives_s):
            return httpx.Response(401, json={})
        granted = {"access_token": f"t{len(asked)}", "expires_in": lives_s[len(asked) - 1]}
        return httpx.Response(200, json=granted)

    (tmp_path / "secret").write_text("s\n")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        tokens = ClientCredentials(http, "http://issuer/token", "crm", tmp_path / "secret", "tenant_id=t&user_id=u")
        assert [await tokens.read(is_refused=refused) for refused in (False, False, True, False)] == [
            *("t1", "t1", "t2", "t3"),
        ]
        assert asked[0] == "grant_type=client_credentials&tenant_id=t&user_id=u"
        with pytest.raises(NoToken, match="issuer/token: HTTPStatusError"):
            await tokens.read(is_refused=True)


@pytest.mark.parametrize(
    "given",
    [
        {"token_file": None},
        {"token_url": "http://issuer/token"},
        {"token_file": None, "token_url": "http://issuer/token"},
        {"every_s": 0},
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_settings(tmp_path, **given)


def test_what_is_missing_is_named_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DEALS_URL", "http://deals")
    for name in ("CRM_SEARCH_URL", "CRM_ACTIVITIES_URL", "CRM_REPORTING_URL"):
        monkeypatch.delenv(name, raising=False)
    ended = CliRunner().invoke(app, ["serve"])
    assert ended.exit_code == 2
    assert "CRM_SEARCH_URL: Field required" in ended.stderr
