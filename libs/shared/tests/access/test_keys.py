"""How fresh the issuer's keys are: what it withdraws counts no more, and made-up keys are no load."""

import asyncio
import socket

import pytest
from libs.shared.tests.access.watched_issuer import Issuer, Watched, require_refused, watch
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_shared.access import keys
from crm_shared.access.keys import IssuerKeys
from crm_shared.access.tokens import TokenVerifier
from crm_shared.http.server import serving
from crm_shared.refusals import Unauthenticated, Unavailable


async def test_a_new_key_is_found_after_the_pause(
    issuer: Issuer, verifier: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "REFRESH_PAUSE_S", 0.2)
    await verifier.verify(f"Bearer {issuer.sign()}")
    issuer.add("k2")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")
    await asyncio.sleep(0.25)
    await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")
    await verifier.verify(f"Bearer {issuer.sign(kid='k1')}")
    assert verifier.keys.fetches == 2


async def test_made_up_keys_are_no_load(issuer: Issuer, verifier: Watched) -> None:
    await verifier.verify(f"Bearer {issuer.sign()}")
    forged = [issuer.sign(kid=f"made-up-{n}", key=issuer.keys["k1"]) for n in range(50)]
    found = await asyncio.gather(*(verifier.verify(f"Bearer {token}") for token in forged), return_exceptions=True)
    assert {type(each) for each in found} == {Unauthenticated}
    assert verifier.keys.fetches == 1


async def test_while_the_issuer_is_away_known_keys_serve(issuer: Issuer, verifier: Watched) -> None:
    await verifier.verify(f"Bearer {issuer.sign()}")
    verifier.keys.is_away = True
    await verifier.verify(f"Bearer {issuer.sign(jti='another')}")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {issuer.sign(kid='k9', key=issuer.keys['k1'])}")


async def test_without_any_key_callers_are_to_come_again_and_the_issuer_is_asked_once(
    issuer: Issuer, verifier: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "RETRY_PAUSE_S", 0.3)
    verifier.keys.is_away = True
    token = issuer.sign()
    found = await asyncio.gather(*(verifier.verify(f"Bearer {token}") for _ in range(30)), return_exceptions=True)
    assert {type(each) for each in found} == {Unavailable}
    assert verifier.keys.fetches == 1
    verifier.keys.is_away = False
    await asyncio.sleep(0.35)
    await verifier.verify(f"Bearer {token}")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "5", "null", "{}", '{"keys": null}', '{"keys": [{}]}', '{"keys": []}']
)
async def test_a_key_set_that_is_none_is_an_issuer_away(issuer: Issuer, verifier: Watched, text: str) -> None:
    issuer.file.write_text(text)
    with pytest.raises(Unavailable):
        await verifier.verify(f"Bearer {issuer.sign()}")


async def test_a_withdrawn_key_stops_to_count_for_remembered_tokens_too(issuer: Issuer) -> None:
    verifier = watch(issuer, refresh_s=0.1)
    issuer.add("k2")
    stolen = issuer.sign(kid="k1")
    async with verifier.verifier.kept_fresh():
        await verifier.verify(f"Bearer {stolen}")
        withdrawn = issuer.keys.pop("k1")
        issuer.publish()
        await asyncio.sleep(0.4)  # no other token comes: the clock alone asks
        await require_refused(verifier, stolen)
        await require_refused(verifier, issuer.sign(key=withdrawn))
        await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")


async def test_a_key_replaced_under_its_name_ends_the_tokens_of_the_old_one(issuer: Issuer) -> None:
    verifier = watch(issuer, refresh_s=0.1)
    old = issuer.sign()
    async with verifier.verifier.kept_fresh():
        await verifier.verify(f"Bearer {old}")
        issuer.add("k1")
        await asyncio.sleep(0.4)
        await require_refused(verifier, old)
        await verifier.verify(f"Bearer {issuer.sign()}")


async def test_keys_that_stay_end_no_token(issuer: Issuer) -> None:
    verifier = watch(issuer, refresh_s=0.1)
    token = issuer.sign()
    async with verifier.verifier.kept_fresh():
        await verifier.verify(f"Bearer {token}")
        await asyncio.sleep(0.4)
        assert verifier.keys.fetches > 2
        assert verifier.verifier.remembers(f"Bearer {token}")
        await verifier.verify(f"Bearer {token}")


async def test_keys_of_an_issuer_that_is_away_too_long_count_no_more(issuer: Issuer) -> None:
    verifier = watch(issuer, refresh_s=0.1, max_age_s=0.8)
    token = issuer.sign()
    async with verifier.verifier.kept_fresh():
        await verifier.verify(f"Bearer {token}")
        verifier.keys.is_away = True
        await asyncio.sleep(0.3)
        await verifier.verify(f"Bearer {token}")  # late, but not too late
        await asyncio.sleep(0.8)
        with pytest.raises(Unavailable):
            await verifier.verify(f"Bearer {token}")
        verifier.keys.is_away = False
        await asyncio.sleep(0.3)
        await verifier.verify(f"Bearer {token}")


async def test_keys_are_read_from_an_issuers_server_as_they_change(issuer: Issuer) -> None:
    async def answer(_request: Request) -> Response:
        return Response(issuer.file.read_bytes(), media_type="application/json")

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = IssuerKeys(f"http://127.0.0.1:{port}/jwks", refresh_s=0.1, max_age_s=60)
    verifier = TokenVerifier(found, issuer="crm-test", audience="crm", max_ttl_s=3600)
    token = issuer.sign()
    async with serving(Starlette(routes=[Route("/jwks", answer)]), host="127.0.0.1", port=port), found.kept_fresh():
        await verifier.verify(f"Bearer {token}")
        issuer.add("k1")
        await asyncio.sleep(1)
        with pytest.raises(Unauthenticated):
            await verifier.verify(f"Bearer {token}")
