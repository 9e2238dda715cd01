"""Holds the live index against the rows: by command, and part by part in turn in every worker's background."""

from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple
from uuid import UUID

from prometheus_client import Gauge

from crm_search import index_registry
from crm_search.indexes import parts
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.comparing import PAGE_ROWS, Part, compare_page
from crm_search.indexes.counts import KINDS, Counts
from crm_search.indexes.documents import IndexReader
from crm_search.indexes.rebuilding import compare_portion
from crm_search.projections import DOCUMENT_TYPES
from crm_search.records import FIRST_ID
from crm_shared.database import Database

DIFFERENCES: Final = Gauge(
    "crm_search_differences",
    "Documents that are not what the rows say, by kind, as each tenant's last comparison had it; alike in all workers",
    ["kind"],
)


class Compared(NamedTuple):
    """What was found of a tenant's records of one type."""

    tenant_id: UUID
    type: str
    counts: Counts


async def verify(
    database: Database,
    cluster: IndexCluster,
    *,
    tenant_id: UUID | None = None,
    heal: bool = False,
    progress: Callable[[str], None],
    page_rows: int = PAGE_ROWS,
) -> AsyncIterator[Compared]:
    """Compare every document, its text too, of one tenant or of all; with `heal` mend what differs.

    Documents of tenants that no row is of count too. Raises as the stores do.
    """
    name = await cluster.find_live()
    reader, form = IndexReader(cluster.client, name), await cluster.read_form(name)
    await reader.refresh()
    for number, one in enumerate(tenants := await _list_tenants(database, reader, tenant_id), 1):
        for record_type in DOCUMENT_TYPES:
            part = Part(database, reader, one, record_type, form, reads_texts=True)
            total, after = Counts(), FIRST_ID
            while True:
                last, counts = await compare_page(part, after, heals=cluster.store if heal else None, limit=page_rows)
                total.add(counts)
                if last is None:
                    break
                after = last
                progress(f"tenant {number} of {len(tenants)}: {total.rows} of type {record_type}")
            yield Compared(one, record_type, total)


async def _list_tenants(database: Database, reader: IndexReader, tenant_id: UUID | None) -> list[UUID]:
    if tenant_id is not None:
        return [tenant_id]
    async with database.read_as_worker() as connection:
        known = await parts.list_tenants(connection)
    return sorted({*known, *await reader.list_tenants()})


async def watch(database: Database, cluster: IndexCluster, *, every_s: float) -> bool:
    """Compare the next page of a part that is due, by revisions and forms, and set the metric; False when none is due.

    Workers take parts in turn. An index that is being filled or settled is compared by whoever does that.
    """
    name = await cluster.find_live()
    async with database.begin_as_worker() as transaction:
        index = await index_registry.find_open(transaction, refused_too=True)
        if index is not None and index.name == name:
            return False
        await parts.add_missing(transaction, name)
    has_more = await compare_portion(database, cluster, name, after_s=every_s, heals=False)
    async with database.read_as_worker() as connection:
        found = [Counts(**row["found"]) for row in await parts.list_found(connection, name)]
    for kind in KINDS:
        DIFFERENCES.labels(kind).set(sum(getattr(counts, kind) for counts in found))
    return has_more
