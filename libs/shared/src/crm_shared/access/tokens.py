"""Verifies bearer tokens against the issuer's keys (JWKS). A token proves who; rights come from the directory."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import UUID

import httpx
import jwt

from crm_shared.refusals import Unauthenticated, Unavailable

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
"""Asymmetric only: with a shared secret every service could mint tokens, and `none` is no proof."""

REFRESH_PAUSE_S = 5.0
"""Keys are fetched again for an unknown `kid`, at most this often: made-up kids must not become a load."""

RETRY_PAUSE_S = 1.0
"""The pause after a fetch that failed: without one, every waiting request would try in turn, each to its timeout."""

KEYS_MAX_AGE_S = 600.0
"""Keys are fetched again at this age, so that one which the issuer has withdrawn stops to count."""

CACHED_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class Claims:
    tenant_id: UUID
    user_id: UUID
    expires_at_s: float


class TokenVerifier:
    """`await verify(authorization)` gives Claims. A verified token is remembered until it expires."""

    def __init__(self, *, jwks_url: str, issuer: str, audience: str, leeway_s: int = 5) -> None:
        self._jwks_url = jwks_url
        self._issuer = issuer
        self._audience = audience
        self._leeway_s = leeway_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at_s = -KEYS_MAX_AGE_S
        self._ask_again_at_s = 0.0
        self._refreshing = asyncio.Lock()
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    async def verify(self, authorization: str | None) -> tuple[str, Claims]:
        """Give the token and its claims. Raises Unauthenticated, or Unavailable when no key can be had."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send `Authorization: Bearer <token>`.")
        known = self._verified.get(token)
        if known is None:
            known = await self._verify_anew(token)
            self._verified[token] = known
            if len(self._verified) > CACHED_TOKENS:
                self._verified.popitem(last=False)
        if known.expires_at_s + self._leeway_s < time.time():
            self._verified.pop(token, None)
            raise Unauthenticated("The token has expired.")
        return token, known

    async def _verify_anew(self, token: str) -> Claims:
        try:
            key = await self._find_key(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud", "sub", "tid"]},
            )
            return Claims(UUID(claims["tid"]), UUID(claims["sub"]), float(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise Unauthenticated("The token is not valid here.") from None

    async def _find_key(self, kid: str | None) -> jwt.PyJWK:
        if kid is None:
            raise Unauthenticated("The token names no key (`kid`).")
        if kid not in self._keys or time.monotonic() - self._fetched_at_s > KEYS_MAX_AGE_S:
            await self._refresh()
        key = self._keys.get(kid)
        if key is None:
            raise Unauthenticated("The token's key is not the issuer's.")
        return key

    async def _refresh(self) -> None:
        async with self._refreshing:
            if time.monotonic() >= self._ask_again_at_s:
                await self._fetch_keys()
            if not self._keys:
                raise Unavailable("The token issuer's keys can't be had right now.")

    async def _fetch_keys(self) -> None:
        """Replace the keys; those we have stay when the issuer can't be asked."""
        try:
            text = await self._fetch()
            keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(text).keys if key.key_id}
        except (OSError, httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
            self._ask_again_at_s = time.monotonic() + (REFRESH_PAUSE_S if self._keys else RETRY_PAUSE_S)
            return
        if self._keys.keys() - keys.keys():
            self._verified.clear()  # some were verified by a key that counts no longer
        self._keys = keys
        self._fetched_at_s = time.monotonic()
        self._ask_again_at_s = self._fetched_at_s + REFRESH_PAUSE_S

    async def _fetch(self) -> str:
        parts = urlsplit(self._jwks_url)
        if parts.scheme == "file":
            return await asyncio.to_thread(Path(url2pathname(parts.path)).read_text, encoding="utf-8")
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(self._jwks_url)
            return answer.raise_for_status().text
