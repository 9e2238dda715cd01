"""The index's definition, and its making: an alias that everything goes through, on an index named by its version."""

from typing import Any, Final

import structlog
from elastic_transport import ConnectionError as ElasticConnectionError
from elasticsearch import AsyncElasticsearch, BadRequestError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from crm_search.settings import SearchSettings

logger = structlog.get_logger(__name__)

INDEX_VERSION: Final = 3
"""Raise it with any change of what documents hold: workers then write each again, into the index that is there.

Fields that are only added, and empty in all that was written before, need no raise.
"""

# Text arrives folded and split (folding.py): what is left to do is to cut at spaces. No norms and no frequencies, as
# scores are tiers (matching.py) that must not shift between two pages of one walk.
_WORDS: Final = {"type": "text", "analyzer": "whitespace", "norms": False, "index_options": "docs"}
_PREFIXED: Final = _WORDS | {"index_prefixes": {"min_chars": 2, "max_chars": 6}}
_KEYWORD: Final = {"type": "keyword"}
_RELATED: Final = {"properties": {"words": _PREFIXED, "owner_id": _KEYWORD, "shared_user_ids": _KEYWORD}}

MAPPING: Final[dict[str, Any]] = {
    "dynamic": "strict",
    "_meta": {"version": INDEX_VERSION},
    # The words are made from PostgreSQL's rows again when they are needed; an answer needs none of them.
    "_source": {"includes": ["type", "updated_at", "shown"]},
    "properties": {
        "tenant_id": _KEYWORD,
        "type": _KEYWORD,
        "key": _KEYWORD,
        "owner_id": _KEYWORD,
        "visible_owner_ids": _KEYWORD,
        "shared_user_ids": _KEYWORD,
        "updated_at": {"type": "date"},
        "exact": _KEYWORD | {"ignore_above": 1000},
        "title": _WORDS,
        "title_starts": _WORDS,
        "details": _PREFIXED,
        "body": _PREFIXED,
        "phone": _KEYWORD,
        "phone_whole": _KEYWORD,
        "contact": _RELATED,
        "company": _RELATED,
        "deal": _RELATED,
        # An activity's contacts beside its first: each with its own owner, so that a name is found by whom it is seen.
        "contacts": _RELATED | {"type": "nested"},
        "shown": {"type": "object", "enabled": False},
    },
}


# What is asked to drop deleted documents would else pass over segments with fewer than 10 % of them.
DROPPING: Final = {"index.merge.policy.expunge_deletes_allowed": 0}


def open_client(settings: SearchSettings, *, timeout_s: float) -> AsyncElasticsearch:
    """Make a client without connecting: a process may start while Elasticsearch is away."""
    key, tls = settings.elasticsearch_api_key, settings.elasticsearch_tls
    trust: dict[str, Any] = {"ssl_context": tls.make_context()} if tls.are_given else {}
    return AsyncElasticsearch(
        settings.elasticsearch_url,
        api_key=key.get_secret_value() if key else None,
        **trust,
        request_timeout=timeout_s,
        max_retries=0,  # the bus and the callers come again by themselves, with their own patience
    )


@retry(
    retry=retry_if_exception_type(ElasticConnectionError),
    stop=stop_after_delay(60),
    wait=wait_exponential(0.2, max=3),
    reraise=True,
)
async def prepare_index(client: AsyncElasticsearch, settings: SearchSettings) -> str:
    """Make the index and its alias, or add to the one that is there the fields it lacks; give the index's name.

    Safe to repeat and to race.

    Waits up to a minute for Elasticsearch, then raises its ConnectionError.
    """
    alias = settings.index_prefix
    if not await client.indices.exists_alias(name=alias):
        name = f"{alias}-v{INDEX_VERSION}"
        try:
            await client.indices.create(
                index=name,
                mappings=MAPPING,
                settings={
                    "number_of_shards": settings.index_shards,
                    "auto_expand_replicas": "0-1",  # none on one node, one where there are more
                    "refresh_interval": f"{settings.index_refresh_ms}ms",
                },
                aliases={alias: {"is_write_index": True}},
            )
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
    await client.indices.put_mapping(index=alias, properties=MAPPING["properties"], meta=MAPPING["_meta"])
    await client.indices.put_settings(index=alias, settings=DROPPING)
    found = await client.indices.get_alias(name=alias)
    name = str(min(found.body))
    logger.info("index ready", alias=alias, index=name)
    return name
