"""A tenant's records under short names, and what a search finds of them: for tests of the search service."""

from typing import Any

import httpx

from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord


class SearchStory:
    """`add` makes a record, the REP's unless it says otherwise; `find` gives the names of what a search answers."""

    def __init__(self, tenant: SeededTenant) -> None:
        self.tenant = tenant
        self.records: dict[str, PublishedRecord] = {}

    def __getitem__(self, name: str) -> PublishedRecord:
        return self.records[name]

    def add(self, label: str, aggregate: str, /, **fields: Any) -> PublishedRecord:
        owner = {"activity": "user_id", "pipeline": None}.get(aggregate, "owner_id")
        owned = {} if owner is None else {owner: self.tenant.rep.id}
        self.records[label] = PublishedRecord.new(aggregate, self.tenant.id, **(owned | fields))
        return self.records[label]

    def events(self) -> list[Event]:
        return [record.publish() for record in self.records.values()]

    def name_items(self, items: list[dict[str, Any]]) -> list[str]:
        names = {str(record.id): name for name, record in self.records.items()}
        return [names[item["id"]] for item in items]

    async def find(self, client: httpx.AsyncClient, query: str, **parameters: Any) -> list[str]:
        return self.name_items(require_ok(await client.get("/v1/search", params={"q": query, **parameters}))["items"])

    async def suggest(self, client: httpx.AsyncClient, query: str, **parameters: Any) -> list[str]:
        answer = await client.get("/v1/search/suggest", params={"q": query, **parameters})
        return self.name_items(require_ok(answer)["items"])
