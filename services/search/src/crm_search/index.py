"""The index's definition, and its making: an alias that everything goes through, on an index named by its version."""

from typing import Any, Final

import structlog
from elastic_transport import ConnectionError as ElasticConnectionError
from elasticsearch import AsyncElasticsearch, BadRequestError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from crm_search import near_words
from crm_search.settings import SearchSettings

logger = structlog.get_logger(__name__)

INDEX_VERSION: Final = 8
"""The form of documents. Raise it with any change of what they hold or of how a field is indexed.

`migrate` then registers a new index beside the live one; workers fill it from the rows and put it in the live one's
place once both agree (indexes/rebuilding.py). Fields that are only added, and empty in all that was written before,
need no raise.
"""

# Text arrives folded and split (folding.py): what is left to do is to cut at spaces. No norms and no frequencies, as
# scores are tiers (matching.py) that must not shift between two pages of one walk.
_WORDS: Final = {"type": "text", "analyzer": "whitespace", "norms": False, "index_options": "docs"}
_COUNTED: Final = _WORDS | {"copy_to": near_words.ALL_WORDS}
_PREFIXED: Final = _COUNTED | {"index_prefixes": {"min_chars": 2, "max_chars": 6}}
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
        "tags": _KEYWORD,
        "stage_id": _KEYWORD,
        "status": _KEYWORD,
        "exact": _KEYWORD | {"ignore_above": 1000},
        near_words.ALL_WORDS: _WORDS,
        "title": _COUNTED,
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
        # What a document was made by and of, and of one that is gone since when: nothing is looked for in these.
        "form": {"type": "integer"},
        "digest": _KEYWORD | {"index": False},
        "gone_at": {"type": "date"},
    },
}


# What is asked to drop deleted documents would else pass over segments with fewer than 10 % of them.
DROPPING: Final = {"index.merge.policy.expunge_deletes_allowed": 0}


def open_client(settings: SearchSettings, *, timeout_s: float) -> AsyncElasticsearch:
    """Make a client without connecting: a process may start while Elasticsearch is away."""
    key, tls = settings.elasticsearch_api_key, settings.elasticsearch_tls
    trust: dict[str, Any] = {"ssl_context": tls.make_context()} if tls.are_given else {}
    nodes = settings.elasticsearch_nodes
    return AsyncElasticsearch(
        nodes,
        api_key=key.get_secret_value() if key else None,
        **trust,
        request_timeout=timeout_s,
        # Each other node once; then the bus and the callers come again by themselves, with their own patience.
        max_retries=len(nodes) - 1,
        retry_on_status=(),  # what a node answers, another would too
    )


def to_index_settings(settings: SearchSettings) -> dict[str, Any]:
    """Return the settings that an index is made with."""
    return {"number_of_shards": settings.elasticsearch_shards, **_to_changeable(settings)}


def _to_changeable(settings: SearchSettings) -> dict[str, Any]:
    """Return those that the live index can take too."""
    replicas = settings.elasticsearch_replicas
    is_range = "-" in replicas
    return {
        "auto_expand_replicas": replicas if is_range else "false",
        **({} if is_range else {"number_of_replicas": int(replicas)}),
        "refresh_interval": f"{settings.index_refresh_ms}ms",
    }


@retry(
    retry=retry_if_exception_type(ElasticConnectionError),
    stop=stop_after_delay(60),
    wait=wait_exponential(0.2, max=3),
    reraise=True,
)
async def prepare_index(client: AsyncElasticsearch, settings: SearchSettings) -> str:
    """Make an index and its alias where there is none, or add the fields that the live one lacks; return its name.

    Safe to repeat and to race. Waits up to a minute for Elasticsearch, then raises its ConnectionError.
    """
    alias = settings.index_prefix
    if not await client.indices.exists_alias(name=alias):
        name = f"{alias}-v{INDEX_VERSION}"
        try:
            await client.indices.create(
                index=name,
                mappings=MAPPING,
                settings=to_index_settings(settings),
                aliases={alias: {"is_write_index": True}},
            )
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
    found = await client.indices.get_alias(name=alias)
    name = str(min(found.body))
    await _add_fields(client, name)
    await client.indices.put_settings(index=name, settings={**DROPPING, **_to_changeable(settings)})
    logger.info("index ready", alias=alias, index=name)
    return name


async def _add_fields(client: AsyncElasticsearch, name: str) -> None:
    """Let the live index take documents of this form, as far as it can: an index beside it is to replace it."""
    try:
        await client.indices.put_mapping(index=name, properties=MAPPING["properties"])
    except BadRequestError as error:
        logger.warning("the live index can't take the new form; one that can is filled beside it", error=error.error)
