"""Which tokens are believed: a forged, foreign or stale one never is, and made-up keys are no load."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crm_shared.access import tokens
from crm_shared.access.tokens import TokenVerifier
from crm_shared.refusals import Unauthenticated, Unavailable

TENANT = UUID("0195a5f0-0000-7000-8000-000000000001")
USER = UUID("0195a5f0-0000-7000-8000-000000000002")


class Issuer:
    """Keys by kid, published as a JWKS file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "jwks.json"
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.add("k1")

    def add(self, kid: str) -> None:
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())
        self.publish()

    def publish(self) -> None:
        listed = []
        for kid, key in self.keys.items():
            public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
            listed.append({**public, "kid": kid, "alg": "ES256", "use": "sig"})
        self.file.write_text(json.dumps({"keys": listed}))

    def sign(self, *, kid: str | None = "k1", without: str | None = None, key: Any = None, **claims: Any) -> str:
        usual = {"iss": "crm-test", "aud": "crm", "sub": str(USER), "tid": str(TENANT), "exp": time.time() + 60}
        whole = {name: value for name, value in {**usual, **claims}.items() if name != without}
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(whole, key or self.keys[kid or "k1"], algorithm="ES256", headers=headers)


class CountingVerifier(TokenVerifier):
    """Counts how often the issuer is asked; `is_away` makes it not answer."""

    fetches = 0
    is_away = False

    async def _fetch(self) -> str:
        self.fetches += 1
        await asyncio.sleep(0.01)
        if self.is_away:
            raise OSError("no answer")
        return await super()._fetch()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def verifier(issuer: Issuer) -> CountingVerifier:
    return CountingVerifier(jwks_url=issuer.file.as_uri(), issuer="crm-test", audience="crm", leeway_s=0)


async def require_refused(verifier: TokenVerifier, token: str) -> None:
    for _ in range(2):  # a refusal is not remembered as a success
        with pytest.raises(Unauthenticated) as refused:
            await verifier.verify(f"Bearer {token}")
        assert refused.value.status == 401


async def test_a_good_token_says_who(issuer: Issuer, verifier: CountingVerifier) -> None:
    token = issuer.sign()
    for scheme in ("Bearer", "bearer", "BEARER"):
        found, claims = await verifier.verify(f"{scheme} {token}")
        assert (found, claims.tenant_id, claims.user_id) == (token, TENANT, USER)
    assert verifier.fetches == 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer  ", "token", "Bearer é"])
async def test_no_token_is_no_caller(verifier: CountingVerifier, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(header)
    assert verifier.fetches == 0


async def test_another_key_under_the_same_kid_is_refused(issuer: Issuer, verifier: CountingVerifier) -> None:
    await require_refused(verifier, issuer.sign(key=ec.generate_private_key(ec.SECP256R1())))


async def test_a_changed_payload_is_refused(issuer: Issuer, verifier: CountingVerifier) -> None:
    head, _, signature = issuer.sign().split(".")
    claims = {"iss": "crm-test", "aud": "crm", "sub": str(TENANT), "tid": str(TENANT), "exp": time.time() + 60}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    await require_refused(verifier, f"{head}.{payload}.{signature}")


async def test_none_is_no_algorithm(issuer: Issuer, verifier: CountingVerifier) -> None:
    _, payload, _ = issuer.sign().split(".")
    for name in ("none", "None", "NONE", ""):
        head = base64.urlsafe_b64encode(json.dumps({"alg": name, "kid": "k1"}).encode()).decode().rstrip("=")
        await require_refused(verifier, f"{head}.{payload}.")


async def test_the_public_key_is_no_shared_secret(issuer: Issuer, verifier: CountingVerifier) -> None:
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


async def test_a_key_of_another_kind_is_refused(issuer: Issuer, verifier: CountingVerifier) -> None:
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
async def test_wrong_claims_are_refused(issuer: Issuer, verifier: CountingVerifier, claims: dict[str, Any]) -> None:
    await require_refused(verifier, issuer.sign(**claims))


@pytest.mark.parametrize("missing", ["exp", "iss", "aud", "sub", "tid"])
async def test_missing_claims_are_refused(issuer: Issuer, verifier: CountingVerifier, missing: str) -> None:
    await require_refused(verifier, issuer.sign(without=missing))


async def test_a_token_that_names_no_key_is_refused_unasked(issuer: Issuer, verifier: CountingVerifier) -> None:
    await require_refused(verifier, issuer.sign(kid=None))
    assert verifier.fetches == 0


async def test_a_remembered_token_still_expires(issuer: Issuer, verifier: CountingVerifier) -> None:
    token = issuer.sign(exp=int(time.time()) + 1)
    await verifier.verify(f"Bearer {token}")
    await asyncio.sleep(1.1)
    await require_refused(verifier, token)


async def test_a_new_key_is_found_after_the_pause(
    issuer: Issuer, verifier: CountingVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REFRESH_PAUSE_S", 0.2)
    await verifier.verify(f"Bearer {issuer.sign()}")
    issuer.add("k2")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")
    await asyncio.sleep(0.25)
    await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")
    await verifier.verify(f"Bearer {issuer.sign(kid='k1')}")
    assert verifier.fetches == 2


async def test_made_up_keys_are_no_load(issuer: Issuer, verifier: CountingVerifier) -> None:
    await verifier.verify(f"Bearer {issuer.sign()}")
    forged = [issuer.sign(kid=f"made-up-{n}", key=issuer.keys["k1"]) for n in range(50)]
    found = await asyncio.gather(*(verifier.verify(f"Bearer {token}") for token in forged), return_exceptions=True)
    assert {type(each) for each in found} == {Unauthenticated}
    assert verifier.fetches == 1


async def test_while_the_issuer_is_away_known_keys_serve(issuer: Issuer, verifier: CountingVerifier) -> None:
    await verifier.verify(f"Bearer {issuer.sign()}")
    verifier.is_away = True
    await verifier.verify(f"Bearer {issuer.sign(jti='another')}")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {issuer.sign(kid='k9', key=issuer.keys['k1'])}")


async def test_without_any_key_callers_are_to_come_again_and_the_issuer_is_asked_once(
    issuer: Issuer, verifier: CountingVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "RETRY_PAUSE_S", 0.3)
    verifier.is_away = True
    token = issuer.sign()
    found = await asyncio.gather(*(verifier.verify(f"Bearer {token}") for _ in range(30)), return_exceptions=True)
    assert {type(each) for each in found} == {Unavailable}
    assert verifier.fetches == 1
    verifier.is_away = False
    await asyncio.sleep(0.35)
    await verifier.verify(f"Bearer {token}")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "5", "null", "{}", '{"keys": null}', '{"keys": [{}]}', '{"keys": []}']
)
async def test_a_key_set_that_is_none_is_an_issuer_away(issuer: Issuer, verifier: CountingVerifier, text: str) -> None:
    issuer.file.write_text(text)
    with pytest.raises(Unavailable):
        await verifier.verify(f"Bearer {issuer.sign()}")


async def test_a_withdrawn_key_stops_to_count(
    issuer: Issuer, verifier: CountingVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REFRESH_PAUSE_S", 0.1)
    monkeypatch.setattr(tokens, "KEYS_MAX_AGE_S", 0.2)
    issuer.add("k2")
    stolen = issuer.sign(kid="k1")
    await verifier.verify(f"Bearer {stolen}")
    withdrawn = issuer.keys.pop("k1")
    issuer.publish()
    await asyncio.sleep(0.25)
    await verifier.verify(f"Bearer {issuer.sign(kid='k2')}")
    await require_refused(verifier, stolen)
    await require_refused(verifier, issuer.sign(key=withdrawn))
