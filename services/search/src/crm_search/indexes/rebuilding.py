"""Puts a new index in the live one's place, step by step. Each step is noted in PostgreSQL and can be done again.

Workers take the steps by themselves, and `crm-search rebuild` takes them along with them. Searches read the live index
until the new one has all that the rows tell of; writes go to both meanwhile.
"""

import secrets
from typing import Final

import structlog

from crm_search import index_registry
from crm_search.bulk import IndexMissing
from crm_search.index import INDEX_VERSION
from crm_search.index_registry import Index, State
from crm_search.indexes import parts
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.comparing import Part, compare_page
from crm_search.indexes.counts import Counts
from crm_search.indexes.documents import IndexReader
from crm_search.indexes.filling import fill_portion
from crm_shared.database import Connection, Database, Transaction

logger = structlog.get_logger(__name__)

KEPT_S: Final = 24 * 3600.0
"""How long an index that was replaced is kept."""


async def register_live(database: Database, cluster: IndexCluster) -> str:
    """Note the live index, if nobody has; return its name."""
    name = await cluster.find_live()
    form = await cluster.read_form(name)
    async with database.begin_as_worker() as transaction:
        await index_registry.register(transaction, name, form, State.LIVE)
    return name


async def begin_if_due(database: Database, cluster: IndexCluster) -> None:
    """Register what the present form needs: an index beside the live one if that is older, else the filling of it."""
    name = await cluster.find_live()
    form = await cluster.read_form(name)
    if form < INDEX_VERSION:
        await begin(database, cluster)
        return
    async with database.begin_as_worker() as transaction:
        await index_registry.register(transaction, name, form, State.REFILLING)


async def begin(database: Database, cluster: IndexCluster) -> Index | None:
    """Register an index of the present form to be filled beside the live one, unless there is one; return it.

    One of an older form that is under way is abandoned for it.
    """
    await register_live(database, cluster)
    async with database.begin_as_worker() as transaction:
        beside = await index_registry.find_beside(transaction)
        if beside is not None and beside.form < INDEX_VERSION:
            await abandon(transaction, beside)
        name = f"{cluster.alias}-v{INDEX_VERSION}-{secrets.token_hex(4)}"
        await index_registry.register(transaction, name, INDEX_VERSION, State.MAKING)
        return await index_registry.find_beside(transaction)


async def abandon(transaction: Transaction, index: Index) -> None:
    """Give up an index that is made or filled; workers remove it."""
    await index_registry.change(transaction, index.name, index.state, State.ABANDONED)


async def advance(database: Database, cluster: IndexCluster) -> bool:
    """Do the next piece of what an index needs; False when there is nothing to do, or others are at the rest.

    An index that was refused lately waits for a while. Raises as the stores do.
    """
    async with database.read_as_worker() as connection:
        index = await index_registry.find_open(connection)
    if index is None:
        return False
    if index.state is State.MAKING:
        await cluster.create(index.name)
        await _change(database, index, State.FILLING)
        return True
    try:
        return await _fill(database, cluster, index) or await _compare(database, cluster, index)
    except IndexMissing:
        if index.state is not State.FILLING:
            raise
        logger.warning("the index that was filled is gone: it is made again", index=index.name)
        async with database.begin_as_worker() as transaction:
            await parts.forget(transaction, index.name)
            await index_registry.change(transaction, index.name, State.FILLING, State.MAKING)
        return True


async def _change(database: Database, index: Index, state: State) -> None:
    async with database.begin_as_worker() as transaction:
        await index_registry.change(transaction, index.name, index.state, state)


async def _fill(database: Database, cluster: IndexCluster, index: Index) -> bool:
    """Fill a portion, or note which parts there are; False when none is free."""
    if index.state is State.SETTLING:
        return False
    store = cluster.store.beside() if index.state is State.FILLING else cluster.store
    if await fill_portion(database, store, index.name):
        return True
    async with database.begin_as_worker() as transaction:
        return await parts.add_missing(transaction, index.name)


async def _compare(database: Database, cluster: IndexCluster, index: Index) -> bool:
    """Compare a page, and after the last one put the index where it belongs."""
    async with database.read_as_worker() as connection:
        if not await parts.are_filled(connection, index.name):
            return False  # others are filling the rest
    if await compare_portion(database, cluster, index.name, after_s=None, heals=True):
        return True
    async with database.read_as_worker() as connection:
        if not await parts.are_compared(connection, index.name):
            return False
        found = await list_differences(connection, index.name)
    if index.state is not State.FILLING:
        await _change(database, index, State.LIVE)
        return True
    if found:
        await _refuse(database, index, found)
        return False
    await _swap(database, cluster, index)
    return True


async def compare_portion(
    database: Database, cluster: IndexCluster, name: str, *, after_s: float | None, heals: bool
) -> bool:
    """Compare the next page of an index's parts; False when none is due, or free.

    `after_s`: a part is due again that long after its last comparison; None: never.
    """
    async with database.begin_as_worker() as transaction:
        row = await parts.take_to_compare(transaction, name, after_s=after_s)
        if row is None:
            return False
        reader, form = IndexReader(cluster.client, name), await cluster.read_form(name)
        part = Part(database, reader, row["tenant_id"], row["type"], form)
        last, counts = await compare_page(part, row["compared_to"], heals=cluster.store if heals else None)
        counts.add(Counts(**(row["counting"] or {})))
        await parts.note_compared(transaction, name, row, last, counts.to_dict())
    return True


async def list_differences(connection: Connection, name: str) -> list[str]:
    """Describe each part whose last comparison found a difference that was not mended."""
    found = [
        (row["tenant_id"], row["type"], Counts(**row["found"])) for row in await parts.list_found(connection, name)
    ]
    return [counts.describe(tenant_id, type_) for tenant_id, type_, counts in found if counts.differences]


async def _refuse(database: Database, index: Index, found: list[str]) -> None:
    logger.warning("the new index is not what the rows are, so the live one stays", index=index.name, found=found[:10])
    async with database.begin_as_worker() as transaction:
        await index_registry.refuse(transaction, index.name, "; ".join(found[:10]))
        await parts.compare_again(transaction, index.name)


async def _swap(database: Database, cluster: IndexCluster, index: Index) -> None:
    """Have searches read the new index. Once more compared, with the live one: what was under way has arrived then."""
    async with database.begin_as_worker() as transaction:
        if not await index_registry.hold_filling(transaction, index.name):
            return  # another process has, or it is abandoned
        former = await cluster.swap(index.name)
        for name in former:
            await index_registry.register(transaction, name, 0, State.LIVE)
        await index_registry.replace(transaction, index.name, cluster.alias)
        await parts.compare_again(transaction, index.name)
    logger.info("searches read the new index", index=index.name, former=former)


async def remove_old(database: Database, cluster: IndexCluster, *, kept_s: float = KEPT_S) -> None:
    """Remove the indexes that were abandoned, or replaced long enough ago."""
    async with database.read_as_worker() as connection:
        names = await index_registry.list_removable(connection, kept_s=kept_s)
    for name in names:
        if await cluster.remove(name):
            async with database.begin_as_worker() as transaction:
                await parts.forget(transaction, name)
                await index_registry.forget(transaction, name)
            logger.info("an index is removed", index=name)
