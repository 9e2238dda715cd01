"""The local issuer of tokens, for development alone: a key pair in CRM_HOME, its public half as a JWKS file.

A suite that is told another issuer (CRM_AUTH_JWKS_URL) knows nothing of this one's keys.
"""

import json
import os
import re
import time
from hashlib import sha256
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crm_local.home import Home, write_private
from crm_local.plan import AUDIENCE, ISSUER

ALGORITHM = "ES256"
SECONDS_OF = {"s": 1, "m": 60, "h": 3600}
_TTL = re.compile(r"([1-9]\d{0,6})([smh])")


class ExternalIssuer(Exception):
    """Tokens come from elsewhere: the suite would not take one of ours."""


def parse_ttl(text: str) -> int:
    """Read 30s, 15m or 1h as seconds. Raises ValueError for anything else, zero included."""
    match = _TTL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time: write 30s, 15m or 1h")
    return int(match[1]) * SECONDS_OF[match[2]]


def make_keys(home: Home) -> None:
    """Make the key pair and its JWKS file unless they are there."""
    file = home.secrets / "issuer.pem"
    if not file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(
            file,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )
    _, kid, public = _load(home)
    home.jwks_file.write_text(json.dumps({"keys": [{**public, "kid": kid, "alg": ALGORITHM, "use": "sig"}]}))


def issue(home: Home, *, tenant_id: UUID, user_id: UUID, ttl_s: int) -> str:
    """Sign a token for a user of a tenant. Raises ExternalIssuer; FileNotFoundError before the first `crm up`."""
    if external := external_jwks_url(home):
        raise ExternalIssuer(f"this suite takes the tokens of another issuer: CRM_AUTH_JWKS_URL={external}")
    key, kid, _ = _load(home)
    now_s = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "tid": str(tenant_id),
        "iat": now_s,
        "exp": now_s + ttl_s,
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid})


def external_jwks_url(home: Home) -> str | None:
    """Give CRM_AUTH_JWKS_URL, ours now or the running suite's, where it names another issuer's keys."""
    state = home.read_state() or {}
    for url in (os.environ.get("CRM_AUTH_JWKS_URL"), state.get("jwks_url")):
        if url and url != home.jwks_file.as_uri():
            return str(url)
    return None


def _load(home: Home) -> tuple[ec.EllipticCurvePrivateKey, str, dict[str, str]]:
    pem = (home.secrets / "issuer.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{home.secrets / 'issuer.pem'} holds no elliptic curve key")
    public: dict[str, str] = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    # RFC 7638: the members that matter, sorted, without spaces.
    thumbprint = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return key, sha256(thumbprint.encode()).hexdigest()[:16], public
