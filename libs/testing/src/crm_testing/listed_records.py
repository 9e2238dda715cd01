"""The owners' APIs as a repair asks them, over a transport and without a server: with the records that a test has."""

from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import httpx

from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord

PROBLEM: Final = {"content-type": "application/problem+json"}
PAGE_RECORDS: Final = 2
"""Small, so that a walk takes several."""


class ListedRecords:
    """`have` puts records under a collection's path; `asked` names those that were asked for one by one."""

    def __init__(self, tenant: SeededTenant) -> None:
        self.tenant = tenant
        self.records: dict[str, dict[UUID, dict[str, Any]]] = {
            path: {} for path in ("contacts", "companies", "deals", "activities")
        }
        self.role = "ADMIN"
        self.asked: list[str] = []

    def have(self, path: str, *records: PublishedRecord) -> None:
        for record in records:
            self.records[path][record.id] = record.publish().state

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token"
        _, _, path, *record_id = request.url.path.split("/")
        if path == "me":
            return httpx.Response(200, json={"user": {"role": self.role}, "tenant": {"id": str(self.tenant.id)}})
        if record_id:
            self.asked.append(record_id[0])
            found = self.records[path].get(UUID(record_id[0]))
            return httpx.Response(404, headers=PROBLEM) if found is None else httpx.Response(200, json=found)
        start = int(parse_qs(request.url.query.decode()).get("cursor", ["0"])[0])
        items = list(self.records[path].values())
        rest = str(start + PAGE_RECORDS) if len(items) > start + PAGE_RECORDS else None
        return httpx.Response(200, json={"items": items[start : start + PAGE_RECORDS], "next_cursor": rest})
