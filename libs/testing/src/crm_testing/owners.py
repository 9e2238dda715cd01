"""Stands in for the services that own what others refer to: with the records that a test has, and no server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import jwt

from crm_shared.contracts import Event
from crm_shared.features.replicas.owner_api import COLLECTIONS
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord

PROBLEM: Final = {"content-type": "application/problem+json"}
ME: Final = "/v1/me"
PAGE_RECORDS: Final = 2
"""Small, so that a walk takes several."""

NOBODY_LISTENS: Final = 0
_COLLECTIONS: Final = COLLECTIONS | {"activity": "activities"}
_PATHS: Final = frozenset(f"/v1/{collection}" for collection in _COLLECTIONS.values())


@dataclass
class OwnerStandIn:
    """Answers GET of a record, of a collection page by page, and of `/v1/me`, as `records` has them by path.

    `viewers` are whom alone it shows a path; everybody where there are none. `status` other than 200 is what all calls
    get. `asked` are the paths of the calls, but for pages.
    """

    status: int = HTTPStatus.OK
    asked: list[str] = field(default_factory=list)
    records: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    viewers: dict[str, frozenset[UUID]] = field(default_factory=dict)

    @property
    def transport(self) -> httpx.MockTransport:
        """What an app takes, or who asks in its place."""
        return httpx.MockTransport(self.answer)

    def have(self, *records: PublishedRecord) -> None:
        """Show everybody the records as they are now."""
        for record in records:
            self.records[path_of(record.aggregate, record.id)] = record.publish().state

    def show(self, event: Event, *viewer_ids: UUID) -> None:
        """Let these users see the record that `event` tells of."""
        path = path_of(event.aggregate, event.aggregate_id)
        self.records[path], self.viewers[path] = event.state, frozenset(viewer_ids)

    def know_caller(self, tenant: SeededTenant, role: str) -> None:
        """Take whoever calls for a user of `tenant` with this role."""
        self.records[ME] = {"user": {"role": role}, "tenant": {"id": str(tenant.id)}}

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Return what the owner would. Raises httpx.ConnectError while nobody listens."""
        assert request.headers["authorization"].startswith("Bearer ")
        path = request.url.path
        is_page = path in _PATHS and request.method == "GET"
        if not is_page:
            self.asked.append(path)
        if self.status == NOBODY_LISTENS:
            raise httpx.ConnectError("nobody listens")
        if self.status != HTTPStatus.OK:
            return httpx.Response(self.status, headers=PROBLEM, json={"status": self.status})
        if is_page:
            return self._answer_page(request)
        record = self.records.get(path)
        if record is None or (path in self.viewers and read_caller(request) not in self.viewers[path]):
            return httpx.Response(HTTPStatus.NOT_FOUND, headers=PROBLEM, json={"status": HTTPStatus.NOT_FOUND})
        return httpx.Response(HTTPStatus.OK, json=record)

    def _answer_page(self, request: httpx.Request) -> httpx.Response:
        start = int(parse_qs(request.url.query.decode()).get("cursor", ["0"])[0])
        items = [record for path, record in self.records.items() if path.startswith(f"{request.url.path}/")]
        rest = str(start + PAGE_RECORDS) if len(items) > start + PAGE_RECORDS else None
        return httpx.Response(200, json={"items": items[start : start + PAGE_RECORDS], "next_cursor": rest})


def path_of(aggregate: str, record_id: UUID) -> str:
    return f"/v1/{_COLLECTIONS[aggregate]}/{record_id}"


def read_caller(request: httpx.Request) -> UUID:
    """Return whose token came with the request."""
    _, _, token = request.headers["authorization"].partition(" ")
    return UUID(jwt.decode(token, options={"verify_signature": False})["sub"])
