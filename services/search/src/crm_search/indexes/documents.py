"""What an index holds, read for comparing: keys, versions and forms of documents, never their texts."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from elasticsearch import ApiError, AsyncElasticsearch

from crm_search.bulk import to_away
from crm_shared.bus import DependencyUnavailable
from crm_shared.json_text import to_json

FIELDS: Final = tuple({"field": name} for name in ("type", "key", "form", "digest"))
PAGE_TENANTS: Final = 1000
CURRENT_VERSION: Final = re.compile(r"current version \[(\d{1,19})\]")
"""What a version conflict says of the document that is, or was, at the address."""


@dataclass(frozen=True, slots=True)
class Document:
    """`is_own`: its address in the index is that of the tenant and record it says it is of."""

    address: str
    record_id: UUID | None
    version: int
    form: int
    digest: str | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class Page:
    """`last` is the id after which the next page begins; None where there is none."""

    documents: Sequence[Document]
    last: UUID | None


class IndexReader:
    """Reads one index, by its own name or by an alias. Raises DependencyUnavailable, and what the client raises."""

    def __init__(self, client: AsyncElasticsearch, name: str) -> None:
        self._client = client
        self._name = name

    async def refresh(self) -> None:
        await _reading(self._client.indices.refresh(index=self._name))

    async def list_part(self, tenant_id: UUID, record_type: str, after: UUID, *, limit: int) -> Page:
        """List a tenant's documents of one type after an id, as the last refresh had them."""
        hits = await self._search(
            query=_all_of(
                {"term": {"tenant_id": str(tenant_id)}},
                {"range": {"key": {"gt": f"{record_type}:{after}", "lt": f"{record_type};"}}},  # `;` follows `:`
            ),
            sort=[{"key": "asc"}],
            size=limit,
        )
        documents = [_to_document(hit, tenant_id, record_type) for hit in hits]
        ids = [document.record_id for document in documents if document.record_id is not None]
        return Page(documents, ids[-1] if ids and len(documents) == limit else None)

    async def find(self, tenant_id: UUID, record_type: str, addresses: Collection[str]) -> dict[str, Document]:
        """Find documents of a tenant by their addresses; a tombstone is none."""
        hits = await self._search(
            query=_all_of({"ids": {"values": list(addresses)}}, {"term": {"tenant_id": str(tenant_id)}}),
            size=len(addresses),
        )
        return {hit["_id"]: _to_document(hit, tenant_id, record_type) for hit in hits}

    async def read_versions(self, addresses: Collection[str]) -> dict[str, int]:
        """Read at which version each address stands, whatever is there: of no tenant, or deleted a moment ago."""
        answer = await _reading(self._client.mget(index=self._name, ids=list(addresses), source=False))
        if failed := next((one["error"] for one in answer["docs"] if "error" in one), None):
            raise DependencyUnavailable(str(failed["type"]))
        versions = {one["_id"]: int(one["_version"]) for one in answer["docs"] if one["found"]}
        return versions | await self._read_deleted_versions([one for one in addresses if one not in versions])

    async def _read_deleted_versions(self, addresses: Collection[str]) -> dict[str, int]:
        """Read what Elasticsearch remembers of deletions: it tells that in a conflict alone.

        No document is at a version below 0, so a deletion at 0 is a conflict wherever there is one, and deletes none.
        """
        if not addresses:
            return {}
        lines = [to_json({"delete": {"_id": one, "version": 0, "version_type": "external"}}) for one in addresses]
        answer = await _reading(
            self._client.bulk(
                index=self._name,
                operations=lines,  # type: ignore[arg-type]  # it takes lines of JSON as well
                filter_path=["items.*._id", "items.*.error.reason"],
            )
        )
        reasons = {item["delete"]["_id"]: item["delete"].get("error", {}).get("reason", "") for item in answer["items"]}
        found = {address: CURRENT_VERSION.search(reason) for address, reason in reasons.items()}
        return {address: int(match[1]) for address, match in found.items() if match is not None}

    async def list_tenants(self) -> set[UUID]:
        """List the tenants that any document is of."""
        tenants: set[UUID] = set()
        after: dict[str, Any] = {}
        source = {"tenant": {"terms": {"field": "tenant_id"}}}
        while True:
            grouping = {"composite": {"size": PAGE_TENANTS, "sources": [source], **after}}
            answer = await _reading(
                self._client.search(
                    index=self._name, size=0, track_total_hits=False, aggregations={"tenants": grouping}
                )
            )
            found = answer["aggregations"]["tenants"]
            tenants.update(id_ for one in found["buckets"] if (id_ := _to_id(one["key"]["tenant"])) is not None)
            if len(found["buckets"]) < PAGE_TENANTS:
                return tenants
            after = {"after": found["after_key"]}

    async def list_tombstones(self, before: datetime, *, limit: int) -> list[tuple[str, int]]:
        """List tombstones, by address and version, of what went before that moment."""
        query = _all_of({"range": {"gone_at": {"lt": before.isoformat()}}})
        return [(hit["_id"], hit["_version"]) for hit in await self._search(query=query, size=limit)]

    async def delete(self, found: Sequence[tuple[str, int]]) -> None:
        """Delete documents as they were found; one that was written since stays."""
        lines = [
            to_json({"delete": {"_id": address, "version": version, "version_type": "external_gte"}})
            for address, version in found
        ]
        await _reading(self._client.bulk(index=self._name, operations=lines, filter_path=["errors"]))  # type: ignore[arg-type]  # it takes lines of JSON as well

    async def _search(self, **asked: Any) -> Sequence[Mapping[str, Any]]:
        answer = await _reading(
            self._client.search(
                index=self._name, version=True, source=False, track_total_hits=False, docvalue_fields=FIELDS, **asked
            )
        )
        hits: Sequence[Mapping[str, Any]] = answer["hits"]["hits"]
        return hits


def _all_of(*queries: Mapping[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": list(queries)}}


def _to_document(hit: Mapping[str, Any], tenant_id: UUID, record_type: str) -> Document:
    fields = hit.get("fields", {})
    key, shown_type = _first(fields, "key"), _first(fields, "type")
    record_id = _to_id(str(key).partition(":")[2])
    is_own = hit["_id"] == f"{tenant_id}:{key}" and shown_type == record_type and record_id is not None
    digest = _first(fields, "digest")
    return Document(hit["_id"], record_id, hit["_version"], int(_first(fields, "form") or 0), digest, is_own)


def _first(fields: Mapping[str, Any], name: str) -> Any:
    return next(iter(fields.get(name, ())), None)


def _to_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _reading(request: Any) -> Mapping[str, Any]:
    try:
        answer = await request
    except ApiError as error:
        raise to_away(error) from None
    body: Mapping[str, Any] = answer.body
    return body
