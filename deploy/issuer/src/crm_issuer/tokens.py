"""What a token of this issuer says: whose it is, for how long, and for whom."""

import re
import time
from typing import Final
from uuid import UUID

import jwt

from crm_issuer.keys import ALGORITHM, SigningKey

SECONDS_OF: Final = {"s": 1, "m": 60, "h": 3600}
LONGEST_TTL_S: Final = 24 * 3600
"""The APIs refuse what lives longer (CRM_AUTH_MAX_TOKEN_TTL_S)."""
_TTL = re.compile(r"([1-9]\d{0,6})([smh])", re.ASCII)


def parse_ttl(text: str) -> int:
    """Read 30s, 15m or 1h as seconds. Raises ValueError for anything else, zero included."""
    match = _TTL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time: write 30s, 15m or 1h")
    return int(match[1]) * SECONDS_OF[match[2]]


def sign(key: SigningKey, *, issuer: str, audience: str, tenant_id: UUID, user_id: UUID, ttl_s: int) -> str:
    """Sign a token for a user of a tenant."""
    now_s = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": str(user_id),
        "tid": str(tenant_id),
        "iat": now_s,
        "exp": now_s + ttl_s,
    }
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})
