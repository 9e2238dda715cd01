"""The token issuer's public keys (JWKS), as fresh as the issuer can be asked."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crm_shared.refusals import Unavailable

logger = structlog.get_logger(__name__)

REFRESH_PAUSE_S = 5.0
"""Keys are fetched again for an unknown `kid`, at most this often: made-up kids must not become a load."""

RETRY_PAUSE_S = 1.0
"""The pause after a fetch that failed: without one, every waiting request would try in turn, each to its timeout."""

FETCH_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class IssuerKey:
    """One key. It is the same object for as long as the issuer names this key by this `kid`."""

    kid: str
    thumbprint: bytes
    jwk: jwt.PyJWK


class IssuerKeys:
    """`refresh_s`: how often they are fetched. `max_age_s`: then none counts, if the issuer can't be asked again."""

    def __init__(self, jwks_url: str, *, refresh_s: float, max_age_s: float) -> None:
        self._jwks_url = jwks_url
        self._refresh_s = refresh_s
        self._max_age_s = max_age_s
        self._keys: Mapping[str, IssuerKey] = {}
        self._fetched_at_s = -float("inf")
        self._ask_again_at_s = 0.0
        self._refreshing = asyncio.Lock()

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch them every `refresh_s` while in the block, so that no request waits for the issuer."""
        task = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s)
            async with self._refreshing:
                await self._fetch_keys()

    async def find(self, kid: str) -> IssuerKey | None:
        """Return the issuer's key of that name; it is asked for an unknown one. Raises Unavailable without any."""
        await self.require_fresh()
        if kid not in self._keys:
            await self._refresh()
        return self._keys.get(kid)

    def names(self, key: IssuerKey) -> bool:
        """Return whether this is still the issuer's key, by the newest answer."""
        return self._keys.get(key.kid) is key

    async def require_fresh(self) -> None:
        """Ask the issuer where the clock has not. Raises Unavailable once the keys are too old to count."""
        age_s = time.monotonic() - self._fetched_at_s
        # Others don't wait while one asks an issuer that is away: what we have serves them.
        if age_s > 2 * self._refresh_s and not (self._keys and self._refreshing.locked()):
            await self._refresh()
        if time.monotonic() - self._fetched_at_s > self._max_age_s:
            raise Unavailable("The token issuer's keys can't be had right now.")

    async def _refresh(self) -> None:
        async with self._refreshing:
            if time.monotonic() >= self._ask_again_at_s:
                await self._fetch_keys()
            if not self._keys:
                raise Unavailable("The token issuer's keys can't be had right now.")

    async def _fetch_keys(self) -> None:
        """Replace the keys; those we have stay when the issuer can't be asked."""
        try:
            keys = _read_keys(await self._fetch())
        except (OSError, httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError) as error:
            logger.warning("issuer_keys_unavailable", error=type(error).__name__)
            self._ask_again_at_s = time.monotonic() + (REFRESH_PAUSE_S if self._keys else RETRY_PAUSE_S)
            return
        known = self._keys
        self._keys = {
            key.kid: known[key.kid] if key.kid in known and known[key.kid].thumbprint == key.thumbprint else key
            for key in keys
        }
        self._fetched_at_s = time.monotonic()
        self._ask_again_at_s = self._fetched_at_s + REFRESH_PAUSE_S

    async def _fetch(self) -> str:
        parts = urlsplit(self._jwks_url)
        if parts.scheme == "file":
            return await asyncio.to_thread(Path(url2pathname(parts.path)).read_text, encoding="utf-8")
        async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S) as client:
            answer = await client.get(self._jwks_url)
            return answer.raise_for_status().text


def _read_keys(text: str) -> list[IssuerKey]:
    """Read a key set. Keys without a name, shared secrets and keys for encryption can verify no token."""
    found = []
    for jwk in jwt.PyJWKSet.from_json(text).keys:
        public_bytes = getattr(jwk.key, "public_bytes", None)
        if jwk.key_id and public_bytes is not None and jwk.public_key_use in {None, "sig"}:
            whole = public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) + jwk.algorithm_name.encode()
            found.append(IssuerKey(jwk.key_id, hashlib.sha256(whole).digest(), jwk))
    return found
