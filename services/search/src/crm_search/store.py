"""Elasticsearch: documents in, hits out. Every query passes `_narrow`, which alone decides what a caller may find."""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from elastic_transport import ConnectionError as ElasticConnectionError
from elastic_transport import ConnectionTimeout
from elasticsearch import ApiError, AsyncElasticsearch

from crm_search.bulk import Write, describe, read_rejection, to_away, to_portions
from crm_search.near_words import LACKING, NOTHING_KNOWN, NearWords, Reach, read_near_words, to_suggesters
from crm_shared.bus import DependencyUnavailable
from crm_shared.refusals import Unavailable
from crm_shared.telemetry.spans import begin_call

AWAY: Final = (ElasticConnectionError, ConnectionTimeout)
"""What the client raises while no node answers."""

MAX_BULK_BYTES: Final = 16 * 1024 * 1024
"""A thousand documents are seldom 2 MiB; but a thousand of the longest notes are more than a node takes at once."""

MERGE_TIMEOUT_S: Final = 3600.0

FACETS: Final = {name: {"terms": {"field": name, "size": 100}} for name in ("type", "owner_id", "status")}

MAX_READ_AGE_S: Final = 600.0
"""From reading rows until their documents are sent: what is older is read again. Tombstones are kept far longer."""


NEAREST_WORDS: Final = "top_terms_boost_1000"
"""How a fuzzy clause finds its words: reckons once what is within reach, and asks for the words, the nearest first."""

EVERY_WORD: Final = "constant_score"
"""The same without a bound; but it reckons anew for each segment, which is most of what a search costs."""


class QueryRefused(Exception):
    """The cluster would not take a query: a mistake of ours. Says its status and kind alone, never what was asked."""


class TooManyClauses(QueryRefused):
    """More words are within reach of a query's than a node compares at once."""


Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a viewer may see: records of `owner_ids` (None: everybody's), and what is shared with them."""

    tenant_id: UUID
    viewer_id: UUID
    owner_ids: frozenset[str] | None

    def sees(self, owner_id: str | None, shared_user_ids: Collection[str] = ()) -> bool:
        return self.owner_ids is None or owner_id in self.owner_ids or str(self.viewer_id) in shared_user_ids


@dataclass(frozen=True, slots=True)
class Hit:
    """`position` is what the next page starts after: the score and the key."""

    type: str
    score: float
    updated_at: str
    shown: Mapping[str, Any]
    position: tuple[float, str]


@dataclass(frozen=True, slots=True)
class Hits:
    """`counts` by facet and its values, the type filter left aside; empty where they were not asked for."""

    hits: Sequence[Hit]
    counts: Mapping[str, Mapping[str, int]]


class DocumentStore:
    """One alias of one cluster."""

    def __init__(self, client: AsyncElasticsearch, alias: str, *, max_bulk_bytes: int = MAX_BULK_BYTES) -> None:
        self._client = client
        self._alias = alias
        self._max_bulk_bytes = max_bulk_bytes

    @property
    def _also_filling(self) -> list[str]:
        return [self._alias, to_filling_alias(self._alias)]

    def beside(self) -> "DocumentStore":
        """Return the store of the index that is filled beside this one."""
        return DocumentStore(self._client, to_filling_alias(self._alias), max_bulk_bytes=self._max_bulk_bytes)

    def _describe(self, operation: str) -> dict[str, str]:
        return {
            "db.system.name": "elasticsearch",
            "db.operation.name": operation,
            "db.collection.name": self._alias,
        }

    async def ping(self) -> None:
        """Raise if Elasticsearch does not answer, or the index is not there yet."""
        if not await self._client.indices.exists_alias(name=self._alias):
            raise DependencyUnavailable(f"there is no alias {self._alias}: run `crm-search migrate`")

    async def write(
        self, writes: Sequence[Write], *, read_at_s: float | None = None, replaces_same: bool = False
    ) -> list[str | None]:
        """Bring the documents over; give for each why the index refused it, None where it did not.

        One request, unless the documents are very long. An older revision than the index has changes nothing; the same
        one is written again with `replaces_same`. `read_at_s`: when the rows were read, by time.monotonic(). Raises
        DependencyUnavailable when part of it has to be sent again, IndexMissing, and what the client raises while the
        cluster is away.
        """
        rejections: list[str | None] = []
        version_type = "external_gte" if replaces_same else "external"
        for lines in await asyncio.to_thread(to_portions, writes, self._max_bulk_bytes, version_type):
            if read_at_s is not None and time.monotonic() - read_at_s > MAX_READ_AGE_S:
                raise DependencyUnavailable("what was read is too old to be written: it is read again")
            try:
                with begin_call(f"bulk {self._alias}", self._describe("bulk")) as span:
                    answer = await self._client.bulk(
                        index=self._alias,
                        operations=lines,  # type: ignore[arg-type]  # it takes lines of JSON as well
                        require_alias=True,
                        filter_path=["items.*.status", "items.*.error.type", "items.*.error.reason"],
                    )
                    span.note("db.operation.batch.size", len(answer.body["items"]))
            except ApiError as error:
                # The request as a whole is refused for what the cluster is or lacks, never for one document.
                raise to_away(error) from None
            rejections += [read_rejection(next(iter(item.values()))) for item in answer.body["items"]]
        return rejections

    async def refresh(self) -> None:
        """Make all that was written visible to searches."""
        await _answering(self._client.indices.refresh(index=self._alias))

    async def flush(self) -> None:
        """Bring all that was written into the index's files. Raises DependencyUnavailable."""
        await _maintaining(self._client.indices.flush(index=self._also_filling, ignore_unavailable=True))

    async def drop_deleted(self) -> None:
        """Merge every segment that holds deleted documents, and so drop them. Raises DependencyUnavailable.

        At once it drops what lay deleted at a flush of some time ago alone. Takes as long as the disk does.
        """
        patient = self._client.options(request_timeout=MERGE_TIMEOUT_S)
        await _maintaining(
            patient.indices.forcemerge(index=self._also_filling, ignore_unavailable=True, only_expunge_deletes=True)
        )

    async def find_versions(self, tenant_id: UUID, keys: Collection[str]) -> dict[str, int]:
        """Return the revision at which searches see each of these documents, nothing of those they don't see.

        What was written shows with the index's next refresh. Raises Unavailable.
        """
        if not keys:
            return {}
        answer = await _answering(
            self._client.search(
                index=self._alias,
                query={"ids": {"values": list(keys)}},
                size=len(keys),
                version=True,
                source=False,
                track_total_hits=False,
                preference=str(tenant_id),
            )
        )
        return {hit["_id"]: hit["_version"] for hit in answer["hits"]["hits"]}

    async def find_near_words(self, tenant_id: UUID, reaches: Sequence[Reach]) -> NearWords:
        """Return what is near in the words of all tenants; nothing while a document lacks them. Raises Unavailable."""
        if not reaches:
            return NOTHING_KNOWN
        asked: dict[str, Any] = {"query": LACKING, "suggest": to_suggesters(reaches), "size": 0, "track_total_hits": 1}
        # Seldom is the same asked twice between two refreshes: nothing of it is kept.
        asked |= {"request_cache": False, "preference": str(tenant_id)}
        with begin_call(f"search {self._alias}", self._describe("search")):
            try:
                answer = await _answering(self._client.search(index=self._alias, **asked))
            except QueryRefused:
                return NOTHING_KNOWN  # an index of before, which `migrate` has not given the field yet
        return read_near_words(answer)

    async def search(
        self,
        visibility: Visibility,
        query: Query,
        *,
        filters: Sequence[Query] = (),
        types: Sequence[str] = (),
        after: tuple[float, str] | None = None,
        limit: int,
        with_counts: bool = False,
    ) -> Hits:
        """Give up to `limit` hits that `visibility` allows, best first, ties by key. Raises Unavailable.

        `query` gives the score, `filters` leave out, `types` (none: all) leave out after counting.
        """
        asked: dict[str, Any] = {
            "post_filter": {"terms": {"type": list(types)}} if types else None,
            "sort": [{"_score": "desc"}, {"key": "asc"}],
            "search_after": list(after) if after else None,
            "size": limit,
            "aggregations": FACETS if with_counts else None,
            "track_total_hits": False,
            # Copies of a shard refresh each at its own time: what `find_versions` saw, the next search is to find.
            "preference": str(visibility.tenant_id),
        }
        narrowed = _narrow(visibility, query, filters)
        with begin_call(f"search {self._alias}", self._describe("search")):
            try:
                answer = await _answering(self._client.search(index=self._alias, query=narrowed, **asked))
            except TooManyClauses:
                narrowed = _reach_every_word(narrowed)
                answer = await _answering(self._client.search(index=self._alias, query=narrowed, **asked))
        facets = answer["aggregations"] if with_counts else {}
        counts = {name: {one["key"]: one["doc_count"] for one in facet["buckets"]} for name, facet in facets.items()}
        return Hits([_to_hit(hit) for hit in answer["hits"]["hits"]], counts)


def to_filling_alias(alias: str) -> str:
    """Name the alias of the index that is filled beside the one behind `alias`."""
    return f"{alias}-filling"


def _narrow(visibility: Visibility, query: Query, filters: Sequence[Query]) -> Query:
    """Leave nothing of other tenants, and nothing out of the viewer's sight. There is no other way to a document."""
    return {
        "bool": {
            "must": [query],
            "filter": [{"term": {"tenant_id": str(visibility.tenant_id)}}, *_see(visibility), *filters],
        }
    }


def _see(visibility: Visibility) -> Iterator[Query]:
    if visibility.owner_ids is not None:
        yield {
            "bool": {
                "should": [
                    {"terms": {"visible_owner_ids": sorted(visibility.owner_ids)}},
                    {"term": {"shared_user_ids": str(visibility.viewer_id)}},
                ],
                "minimum_should_match": 1,
            }
        }


def _reach_every_word(query: Any) -> Any:
    """Return the query with fuzzy clauses that have no bound: too many words of all tenants were within reach."""
    if isinstance(query, Mapping):
        return {key: EVERY_WORD if key == "rewrite" else _reach_every_word(value) for key, value in query.items()}
    return [_reach_every_word(one) for one in query] if isinstance(query, list | tuple) else query


def _to_hit(hit: Mapping[str, Any]) -> Hit:
    score, key = hit["sort"]
    source = hit["_source"]
    return Hit(source["type"], score, source["updated_at"], source["shown"], (score, key))


async def _maintaining(request: Any) -> Mapping[str, Any]:
    """Await work on the index itself, in which no document can be at fault."""
    try:
        answer = await request
    except ApiError as error:
        raise DependencyUnavailable(describe(error)) from None
    body: Mapping[str, Any] = answer.body
    return body


async def _answering(request: Any) -> Mapping[str, Any]:
    """Await an answer; a cluster that is away or busy, or an index that is not made yet, is Unavailable."""
    try:
        answer = await request
    except AWAY:
        raise Unavailable("The search index can't be reached right now. Try again.") from None
    except ApiError as error:
        if error.status_code == HTTPStatus.BAD_REQUEST:
            has_too_many = "too_many_nested_clauses" in str(error.body)
            raise (TooManyClauses if has_too_many else QueryRefused)(describe(error)) from None  # waiting mends neither
        raise Unavailable("The search index can't answer right now. Try again.") from None
    body: Mapping[str, Any] = answer.body
    return body
