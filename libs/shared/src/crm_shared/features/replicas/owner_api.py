"""Asks a record's owner, in the caller's name, for what the replica has not heard of yet."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from crm_shared.access.caller import Caller
from crm_shared.permissions import Role
from crm_shared.refusals import Unauthenticated, Unavailable
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.spans import begin_call
from crm_shared.telemetry.traces import current_traceparent

COLLECTIONS = {"user": "users", "contact": "contacts", "company": "companies", "deal": "deals"}

UNREADABLE = "The service that owns a referenced record answered in a way we can't read."

WRITE_TIMEOUT_S = 30.0
"""For what may be a thousand records."""

BREAKER_FAILURES = 5
BREAKER_PAUSE_S = 5


class OwnerApi:
    """The other services' APIs. One circuit breaker each: while an owner is away, callers hear so at once."""

    def __init__(self, settings: ServiceSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._timeout_s = settings.upstream_timeout_s
        self._client = httpx.AsyncClient(timeout=settings.upstream_timeout_s, transport=transport)
        self._urls = {
            "user": settings.contacts_url,
            "contact": settings.contacts_url,
            "company": settings.contacts_url,
            "deal": settings.deals_url,
        }
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=BREAKER_FAILURES, default_ttl=BREAKER_PAUSE_S)

    async def close(self) -> None:
        await self._client.aclose()

    async def find(self, aggregate: str, record_id: UUID, token: str) -> Mapping[str, Any] | None:
        """Return the record as its GET answers, None when it is not there for this caller. Raises Unavailable."""
        return await self._get(self._urls[aggregate], f"/v1/{COLLECTIONS[aggregate]}/{record_id}", token)

    async def find_or_create_companies(self, names: Sequence[str], token: str) -> Sequence[Mapping[str, Any]]:
        """Return what contacts answers of each name: its `company` and status, or a `problem`. Raises Unavailable."""
        path = f"/v1/{COLLECTIONS['company']}/find-or-create"
        answer = await self._call("POST", self._urls["company"], path, token, {"items": names})
        if answer is None:
            raise Unavailable(UNREADABLE)
        items: Sequence[Mapping[str, Any]] = answer["items"]
        return items

    async def find_caller(self, token: str) -> Caller | None:
        """Return the token's user as contacts knows them, None when they may not enter. Raises Unavailable."""
        try:
            me = await self._get(self._urls["user"], "/v1/me", token)
        except Unauthenticated:
            return None
        if me is None:
            return None
        try:
            return _to_caller(me, token)
        except (KeyError, TypeError, ValueError):
            raise Unavailable(UNREADABLE) from None

    async def _get(self, url: str, path: str, token: str) -> Mapping[str, Any] | None:
        return await self._call("GET", url, path, token)

    async def _call(
        self, method: str, url: str, path: str, token: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        breaker = await self._breakers.get_breaker(url)
        called = {"http.request.method": method, "server.address": urlsplit(url).hostname or ""}
        timeout_s = self._timeout_s if body is None else WRITE_TIMEOUT_S
        try:
            async with breaker:
                with begin_call(method, called) as span:
                    ask = self._client.build_request(
                        method, f"{url}{path}", headers=_headers(token), json=body, timeout=timeout_s
                    )
                    answer = await self._send(ask)
                    span.note("http.response.status_code", answer.status_code)
                    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                        answer.raise_for_status()
        except (httpx.HTTPError, OpenedState):
            raise Unavailable("The service that owns a referenced record can't be reached right now.") from None
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unauthenticated("The token's user is not active here.")
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Unavailable("The service that owns a referenced record is busy.")
        if not answer.is_success:
            return None
        try:
            found: Mapping[str, Any] = answer.json()
        except ValueError:
            raise Unavailable(UNREADABLE) from None
        return found

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if request.method != "GET":
                raise
            # Its process ended, and with it a connection that was just being used again; another one answers.
            return await self._client.send(request)


def _headers(token: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"}
    traceparent = current_traceparent()
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers


def _to_caller(me: Mapping[str, Any], token: str) -> Caller:
    tenant, user = me["tenant"], me["user"]
    return Caller(
        tenant_id=UUID(tenant["id"]),
        user_id=UUID(user["id"]),
        role=Role(user["role"]),
        base_currency=tenant["base_currency"],
        time_zone=user["time_zone"] or tenant["time_zone"],
        token=token,
        has_shares=True,  # /v1/me does not tell, and a clause too many hides nothing
    )
