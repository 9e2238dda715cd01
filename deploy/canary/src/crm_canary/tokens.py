"""Where the canary's token is from: a file that others keep fresh, or an issuer that gives it to this client."""

import time
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qsl

import httpx

RENEW_BEFORE_S: Final = 60.0


class NoToken(Exception):
    """There is none now. The message says why, and holds no secret."""


class Tokens(Protocol):
    async def read(self, *, is_refused: bool) -> str:
        """Return a token; not the one of before where that `is_refused`. Raises NoToken."""
        ...


class TokenFile:
    """A file, read at every request: whoever writes it renews it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def read(self, *, is_refused: bool) -> str:
        del is_refused  # the file is what it is
        try:
            token = self._file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NoToken(f"{self._file}: {type(error).__name__}") from error
        if not token:
            raise NoToken(f"{self._file} is empty")
        return token


class ClientCredentials:
    """Client credentials (RFC 6749, section 4.4): asked for shortly before the last token ends, or when it is refused.

    `form` is sent besides, `name=value&…`: what this issuer wants to know of the user, such as an audience.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, client_id: str, secret_file: Path, form: str) -> None:
        self._http = http
        self._url = url
        self._client_id = client_id
        self._secret_file = secret_file
        self._form = dict(parse_qsl(form))
        self._token = ""
        self._ends_at_s = float("-inf")

    async def read(self, *, is_refused: bool) -> str:
        if is_refused or time.monotonic() > self._ends_at_s:
            self._token, lives_s = await self._ask()
            self._ends_at_s = time.monotonic() + max(lives_s - RENEW_BEFORE_S, lives_s / 2)
        return self._token

    async def _ask(self) -> tuple[str, float]:
        try:
            login = httpx.BasicAuth(self._client_id, self._secret_file.read_text().strip())
            answer = await self._http.post(
                self._url, data={"grant_type": "client_credentials", **self._form}, auth=login
            )
            answer.raise_for_status()
            granted = answer.json()
            # ASCII, as a header is: what httpx said of another would have the token in it.
            return granted["access_token"].encode("ascii").decode(), float(granted.get("expires_in", RENEW_BEFORE_S))
        except (httpx.HTTPError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise NoToken(f"{self._url}: {type(error).__name__}") from error
