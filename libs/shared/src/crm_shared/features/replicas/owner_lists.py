"""Other services' records as an ADMIN of one tenant is shown them: what a repair compares with."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import httpx

from crm_shared.features.replicas.owner_api import COLLECTIONS
from crm_shared.permissions import Permission, list_roles
from crm_shared.settings import ServiceSettings

PAGE_RECORDS: Final = 200
TRIES: Final = 8
LONGEST_WAIT_S: Final = 30.0
_PATHS: Final = COLLECTIONS | {"activity": "activities"}
_GONE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class OwnerDiffers(Exception):
    """An owner answers in a way from which nothing may be concluded."""


class OwnerLists:
    """The owners' APIs. The token is read from its file at every request, so that a fresh one may be put there."""

    def __init__(
        self, settings: ServiceSettings, token_file: Path, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._urls = {
            "user": settings.contacts_url,
            "contact": settings.contacts_url,
            "company": settings.contacts_url,
            "deal": settings.deals_url,
            "activity": settings.activities_url,
        }
        self._token_file = token_file
        self._client = httpx.AsyncClient(timeout=30.0, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def require_sees_all(self, tenant_id: UUID) -> None:
        """Raise OwnerDiffers unless the token is that of an ADMIN, or of who else sees all of the tenant."""
        me = await self._get("user", "/v1/me", {})
        roles = list_roles(Permission.SEE_ALL)
        if me is None or me["user"]["role"] not in roles or me["tenant"]["id"] != str(tenant_id):
            raise OwnerDiffers(f"the token is not that of an ADMIN of tenant {tenant_id}")

    async def list_versions(self, aggregate: str) -> AsyncIterator[Mapping[UUID, int]]:
        """Yield the versions of all records by id, page by page, oldest first, so that new ones come last."""
        cursor = None
        while True:
            asked = {"sort": "created_at", "limit": str(PAGE_RECORDS)} | ({"cursor": cursor} if cursor else {})
            page = await self._get(aggregate, f"/v1/{_PATHS[aggregate]}", asked)
            if page is None:
                raise OwnerDiffers(f"there is no list of {_PATHS[aggregate]}")
            yield {UUID(item["id"]): item["version"] for item in page["items"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def find(self, aggregate: str, record_id: UUID) -> Mapping[str, Any] | None:
        """Return the record as its GET answers, None when its owner says that it is not there."""
        return await self._get(aggregate, f"/v1/{_PATHS[aggregate]}/{record_id}", {})

    async def _get(self, aggregate: str, path: str, parameters: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Raise OwnerDiffers for every answer but the record and the owner's own 404: a proxy's says nothing."""
        answered = "nothing"
        for tries in range(TRIES):
            try:
                answer = await self._client.get(
                    f"{self._urls[aggregate]}{path}",
                    params=dict(parameters),
                    headers={"Authorization": f"Bearer {self._read_token()}"},
                )
            except httpx.HTTPError as error:
                answered = repr(error)
            else:
                if answer.is_success:
                    found: Mapping[str, Any] = answer.json()
                    return found
                is_ours = answer.headers.get("content-type", "").startswith("application/problem+json")
                if answer.status_code in _GONE and is_ours:
                    return None
                answered = str(answer.status_code)
                is_busy = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
                if not is_busy and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
            await asyncio.sleep(min(0.1 * 2**tries, LONGEST_WAIT_S))
        raise OwnerDiffers(f"GET {path} of the {aggregate}'s owner answers {answered}")

    def _read_token(self) -> str:
        return self._token_file.read_text("utf-8").strip()
