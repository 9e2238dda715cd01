"""Verifies bearer tokens against the issuer's keys (JWKS). A token proves who; rights come from the directory."""

import hashlib
import time
from collections import OrderedDict
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import jwt

from crm_shared.access.keys import IssuerKey, IssuerKeys
from crm_shared.refusals import Unauthenticated

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
"""Asymmetric only: with a shared secret every service could mint tokens, and `none` is no proof."""

TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""What `typ` may say, if anything. Issuers sign other things with the same keys: logouts, proofs, events."""

CACHED_TOKENS = 10_000
"""Some 300 bytes each: a token is remembered by its digest, however long it is."""


@dataclass(frozen=True, slots=True)
class Claims:
    tenant_id: UUID
    user_id: UUID
    expires_at_s: float


@dataclass(frozen=True, slots=True)
class _Remembered:
    claims: Claims
    key: IssuerKey


class TokenVerifier:
    """`await verify(authorization)` gives Claims.

    A verified token is remembered until it expires, and for as long as the issuer names the key that verified it.
    """

    def __init__(self, keys: IssuerKeys, *, issuer: str, audience: str, leeway_s: int = 5, max_ttl_s: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway_s = leeway_s
        self._max_ttl_s = max_ttl_s
        self._verified: OrderedDict[bytes, _Remembered] = OrderedDict()

    def kept_fresh(self) -> AbstractAsyncContextManager[None]:
        """Fetch the issuer's keys again and again while in the block."""
        return self._keys.kept_fresh()

    def remembers(self, authorization: str | None) -> bool:
        """Return whether this token was good before: then it costs nothing to look at again."""
        return authorization is not None and _digest(authorization.partition(" ")[2]) in self._verified

    async def verify(self, authorization: str | None) -> tuple[str, Claims]:
        """Return the token and its claims. Raises Unauthenticated, or Unavailable when no key can be had."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send `Authorization: Bearer <token>`.")
        digest = _digest(token)
        known = self._verified.get(digest)
        if known is not None:
            await self._keys.require_fresh()
        if known is None or not self._keys.names(known.key):
            self._verified.pop(digest, None)
            known = self._verified[digest] = await self._verify_anew(token)
            if len(self._verified) > CACHED_TOKENS:
                self._verified.popitem(last=False)
        if known.claims.expires_at_s + self._leeway_s < time.time():
            self._verified.pop(digest, None)
            raise Unauthenticated("The token has expired.")
        return token, known.claims

    async def _verify_anew(self, token: str) -> _Remembered:
        try:
            key = await self._find_key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key.jwk,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud", "sub", "tid"]},
            )
            self._require_short_life(claims)
            return _Remembered(Claims(UUID(claims["tid"]), UUID(claims["sub"]), float(claims["exp"])), key)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
            raise Unauthenticated("The token is not valid here.") from None

    async def _find_key(self, header: dict[str, Any]) -> IssuerKey:
        kid, kind = header.get("kid"), header.get("typ")
        if kind is not None and (not isinstance(kind, str) or kind.lower() not in TYPES):
            raise Unauthenticated("The token is not one for an API (`typ`).")
        if kid is None:
            raise Unauthenticated("The token names no key (`kid`).")
        key = await self._keys.find(kid)
        if key is None:
            raise Unauthenticated("The token's key is not the issuer's.")
        return key

    def _require_short_life(self, claims: dict[str, Any]) -> None:
        """Refuse what is valid too long. Without `iat` it is counted from now on."""
        begins_at_s = float(claims.get("iat", time.time()))
        if float(claims["exp"]) - begins_at_s > self._max_ttl_s + self._leeway_s:
            raise Unauthenticated(f"A token may be valid for {self._max_ttl_s} s at most.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
