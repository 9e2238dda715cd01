"""What the index shows of others' records: `crm-search repair` compares it with their owners."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from crm_search.consumers import index_records
from crm_search.index import open_client
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.database import Database
from crm_shared.features.replicas.repair import ProjectedRows


@asynccontextmanager
async def opening_projections(settings: SearchSettings) -> AsyncIterator[tuple[Database, Sequence[ProjectedRows]]]:
    """Open the stores; what is hidden there is found by nobody."""
    async with (
        Database.opened(settings.worker_dsn.get_secret_value(), max_size=2) as database,
        open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s) as client,
    ):
        consume = index_records.bind(database, DocumentStore(client, settings.index_prefix)).handler
        yield (
            database,
            [
                ProjectedRows("contact", "search_records", "type = 'contact' AND NOT is_hidden", consume),
                ProjectedRows("company", "search_records", "type = 'company' AND NOT is_hidden", consume),
                ProjectedRows("deal", "search_records", "type = 'deal' AND NOT is_hidden", consume),
                ProjectedRows("activity", "search_records", "type = 'activity' AND NOT is_hidden", consume),
            ],
        )
