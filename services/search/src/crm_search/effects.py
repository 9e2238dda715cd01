"""What this service makes of an event: `crm-search why` looks for it."""

from collections.abc import Sequence
from typing import Final

from crm_search.bulk import address_of
from crm_search.index import open_client
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.bus import DependencyUnavailable
from crm_shared.contracts import Event
from crm_shared.features.event_tracking.parts import Effect
from crm_shared.features.event_tracking.stores import reading
from crm_shared.features.event_tracking.versions import compare_versions
from crm_shared.refusals import Unavailable

FIND_ROW: Final = """
    SELECT version, revision, indexed_revision, is_hidden, rejection, changed_at
      FROM search_records
     WHERE tenant_id = $1 AND type = $2 AND id = $3
"""
KEPT: Final = frozenset({"contact", "company", "deal", "activity", "pipeline"})


async def find_effects(settings: SearchSettings, event: Event) -> Sequence[Effect]:
    """Find the row that the record's document is made of, and the document as searches see it.

    Raises DependencyUnavailable.
    """
    if event.aggregate not in KEPT:
        return []
    async with reading(settings) as connection:
        row = await connection.fetchrow(FIND_ROW, event.tenant_id, event.aggregate, event.aggregate_id)
    if row is None:
        return [compare_versions("search record", None, event.version)]
    kept = compare_versions("search record", row["version"], event.version)
    at = row["changed_at"] if row["version"] == event.version else None
    effects = [Effect(kept.name, kept.state, kept.detail, at)]
    if row["rejection"] is not None:
        return [*effects, Effect("search document", "failed", row["rejection"])]
    return [*effects, await _find_document(settings, event, row["revision"], is_hidden=row["is_hidden"])]


async def _find_document(settings: SearchSettings, event: Event, revision: int, *, is_hidden: bool) -> Effect:
    key = address_of(event.tenant_id, event.aggregate, event.aggregate_id)
    async with open_client(settings, timeout_s=settings.elasticsearch_timeout_s) as client:
        try:
            versions = await DocumentStore(client, settings.index_prefix).find_versions(event.tenant_id, [key])
        except Unavailable as error:
            raise DependencyUnavailable(f"Elasticsearch: {error}") from error
    seen = versions.get(key)
    if seen is None and is_hidden:
        return Effect("search document", "there", "none, as the record is hidden")
    if seen is None:
        return Effect("search document", "missing", "none")
    state = f"revision {seen} of {revision}"
    return Effect("search document", "there" if seen >= revision else "waits", state)
