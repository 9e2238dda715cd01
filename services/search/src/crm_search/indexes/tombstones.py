"""Takes away what deleted documents left behind, once no write that is older than the deletion can be under way."""

from datetime import timedelta
from typing import Final

import structlog

from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.documents import IndexReader
from crm_shared.clock import Clock

logger = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=1)
"""What was read longer than store.MAX_READ_AGE_S ago is never sent, so a day is far beyond any doubt."""

PORTION: Final = 1000


async def purge_tombstones(cluster: IndexCluster, clock: Clock, *, kept: timedelta = KEPT) -> int:
    """Delete the tombstones that are older; return how many there were. Raises as the cluster does."""
    reader, count = IndexReader(cluster.client, cluster.alias), 0
    while found := await reader.list_tombstones(clock.now() - kept, limit=PORTION):
        await reader.delete(found)
        await reader.refresh()
        count += len(found)
    if count:
        logger.info("tombstones are purged", count=count)
    return count
