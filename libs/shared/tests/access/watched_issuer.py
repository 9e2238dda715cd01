"""An issuer whose keys change, and a verifier whose questions to it are counted."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from crm_shared.access.keys import IssuerKeys
from crm_shared.access.tokens import Claims, TokenVerifier
from crm_shared.refusals import Unauthenticated

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

    def sign(
        self,
        *,
        kid: str | None = "k1",
        typ: str | None = None,
        without: str | None = None,
        key: Any = None,
        **claims: Any,
    ) -> str:
        usual = {"iss": "crm-test", "aud": "crm", "sub": str(USER), "tid": str(TENANT), "exp": time.time() + 60}
        whole = {name: value for name, value in {**usual, **claims}.items() if name != without}
        headers = {**({} if kid is None else {"kid": kid}), **({} if typ is None else {"typ": typ})}
        return jwt.encode(whole, key or self.keys[kid or "k1"], algorithm="ES256", headers=headers)


class CountingKeys(IssuerKeys):
    """Counts how often the issuer is asked; `is_away` makes it not answer."""

    fetches = 0
    is_away = False

    async def _fetch(self) -> str:
        self.fetches += 1
        await asyncio.sleep(0.01)
        if self.is_away:
            raise OSError("no answer")
        return await super()._fetch()


@dataclass
class Watched:
    """A verifier, and the keys it verifies by."""

    keys: CountingKeys
    verify: Callable[[str | None], Awaitable[tuple[str, Claims]]]
    verifier: TokenVerifier


def watch(issuer: Issuer, *, refresh_s: float = 600, max_age_s: float = 86_400, max_ttl_s: int = 86_400) -> Watched:
    keys = CountingKeys(issuer.file.as_uri(), refresh_s=refresh_s, max_age_s=max_age_s)
    verifier = TokenVerifier(keys, issuer="crm-test", audience="crm", leeway_s=0, max_ttl_s=max_ttl_s)
    return Watched(keys, verifier.verify, verifier)


async def require_refused(verifier: Watched, token: str) -> None:
    for _ in range(2):  # a refusal is not remembered as a success
        with pytest.raises(Unauthenticated) as refused:
            await verifier.verify(f"Bearer {token}")
        assert refused.value.status == 401
