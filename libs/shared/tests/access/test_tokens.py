"""Which tokens are believed: a forged, foreign or stale one never is, and made-up keys are no load."""

import asyncio
import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from libs.shared.tests.access.watched_issuer import TENANT, USER, Issuer, Watched, require_refused, watch

from crm_shared.refusals import Unauthenticated


async def test_a_good_token_says_who(issuer: Issuer, verifier: Watched) -> None:
    token = issuer.sign()
    for scheme in ("Bearer", "bearer", "BEARER"):
        found, claims = await verifier.verify(f"{scheme} {token}")
        assert (found, claims.tenant_id, claims.user_id) == (token, TENANT, USER)
    assert verifier.keys.fetches == 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer  ", "token", "Bearer é"])
async def test_no_token_is_no_caller(verifier: Watched, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(header)
    assert verifier.keys.fetches == 0


async def test_another_key_under_the_same_kid_is_refused(issuer: Issuer, verifier: Watched) -> None:
    await require_refused(verifier, issuer.sign(key=ec.generate_private_key(ec.SECP256R1())))


async def test_a_changed_payload_is_refused(issuer: Issuer, verifier: Watched) -> None:
    head, _, signature = issuer.sign().split(".")
    claims = {"iss": "crm-test", "aud": "crm", "sub": str(TENANT), "tid": str(TENANT), "exp": time.time() + 60}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    await require_refused(verifier, f"{head}.{payload}.{signature}")


async def test_none_is_no_algorithm(issuer: Issuer, verifier: Watched) -> None:
    _, payload, _ = issuer.sign().split(".")
    for name in ("none", "None", "NONE", ""):
        head = base64.urlsafe_b64encode(json.dumps({"alg": name, "kid": "k1"}).encode()).decode().rstrip("=")
        await require_refused(verifier, f"{head}.{payload}.")


async def test_the_public_key_is_no_shared_secret(issuer: Issuer, verifier: Watched) -> None:
    """The classic confusion: HMAC with what everybody can read as its secret."""
    _, payload, _ = issuer.sign().split(".")
    public = issuer.keys["k1"].public_key()
    secrets = [
        public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    ]
    for secret in [*secrets, issuer.file.read_bytes()]:
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').decode().rstrip("=")
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(f"{head}.{payload}".encode())
        signature = base64.urlsafe_b64encode(mac.finalize()).decode().rstrip("=")
        await require_refused(verifier, f"{head}.{payload}.{signature}")


async def test_a_key_of_another_kind_is_refused(issuer: Issuer, verifier: Watched) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": "crm-test", "aud": "crm", "sub": str(USER), "tid": str(TENANT), "exp": time.time() + 60}
    await require_refused(verifier, jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"}))
    assert issuer.keys


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"aud": "else"},
        {"aud": ["else", "others"]},
        {"iss": "else"},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"sub": "nobody"},
        {"tid": "none"},
        {"tid": 5},
        {"tid": None},
    ],
)
async def test_wrong_claims_are_refused(issuer: Issuer, verifier: Watched, claims: dict[str, Any]) -> None:
    await require_refused(verifier, issuer.sign(**claims))


@pytest.mark.parametrize("missing", ["exp", "iss", "aud", "sub", "tid"])
async def test_missing_claims_are_refused(issuer: Issuer, verifier: Watched, missing: str) -> None:
    await require_refused(verifier, issuer.sign(without=missing))


async def test_a_token_that_names_no_key_is_refused_unasked(issuer: Issuer, verifier: Watched) -> None:
    await require_refused(verifier, issuer.sign(kid=None))
    assert verifier.keys.fetches == 0


async def test_a_remembered_token_still_expires(issuer: Issuer, verifier: Watched) -> None:
    token = issuer.sign(exp=int(time.time()) + 1)
    await verifier.verify(f"Bearer {token}")
    await asyncio.sleep(1.1)
    await require_refused(verifier, token)


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_tokens_for_an_api_are_taken(issuer: Issuer, verifier: Watched, typ: str | None) -> None:
    await verifier.verify(f"Bearer {issuer.sign(typ=typ)}")


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "id_token", "JOSE"])
async def test_what_else_an_issuer_signs_is_no_token(issuer: Issuer, verifier: Watched, typ: str) -> None:
    await require_refused(verifier, issuer.sign(typ=typ))


async def test_a_token_for_ever_is_not_taken(issuer: Issuer) -> None:
    verifier = watch(issuer, max_ttl_s=3600)
    now_s = int(time.time())
    await verifier.verify(f"Bearer {issuer.sign(iat=now_s, exp=now_s + 3600)}")
    await verifier.verify(f"Bearer {issuer.sign(exp=now_s + 3600)}")
    await require_refused(verifier, issuer.sign(exp=now_s + 3700))
    for begins_at_s, ends_at_s in ((now_s, now_s + 3700), (now_s - 7200, now_s + 60)):
        await require_refused(verifier, issuer.sign(iat=begins_at_s, exp=ends_at_s))
    for odd in (1e300, 10**400):
        await require_refused(verifier, issuer.sign(exp=odd))


async def test_long_tokens_are_remembered_in_no_more_room(issuer: Issuer, verifier: Watched) -> None:
    for number in range(20):
        await verifier.verify(f"Bearer {issuer.sign(jti=str(number) * 20_000)}")
    remembered = verifier.verifier._verified  # noqa: SLF001 - what is kept shows nowhere else
    assert len(remembered) == 20
    assert {len(name) for name in remembered} == {32}
