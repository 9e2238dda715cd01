"""How far a tenant's documents are behind the changes that have arrived here."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field

from crm_shared.access import Caller
from crm_shared.database import Connection

MAX_COUNTED: Final = 10_000

# A record whose children are yet to be marked waits as long as they do. By the partial indexes, in their order.
FIND_WAITING: Final = """
    SELECT count(*) AS waiting, min(changed_at) AS since
      FROM ((SELECT changed_at FROM search_records
              WHERE tenant_id = $1 AND indexed_revision < revision
              ORDER BY type, id LIMIT $2)
            UNION ALL
            (SELECT changed_at FROM search_records
              WHERE tenant_id = $1 AND spread_after IS NOT NULL AND indexed_revision >= revision
              ORDER BY type, id LIMIT $2)
            LIMIT $2) AS waiting
"""


class IndexFreshness(BaseModel):
    waiting: Annotated[int, Field(description="documents that are yet to be written; no more than 10,000 are counted")]
    seconds_behind: Annotated[
        float, Field(description="how long the change that has waited longest has been here; 0 when none waits")
    ]


async def read_freshness(connection: Connection, caller: Caller, now: datetime) -> dict[str, float]:
    """Make the answer of GET /v1/search/freshness."""
    row = await connection.fetchrow(FIND_WAITING, caller.tenant_id, MAX_COUNTED)
    waiting, since = (0, None) if row is None else (row["waiting"], row["since"])
    behind_s = 0.0 if since is None else round(max((now - since).total_seconds(), 0.001), 3)
    return {"waiting": waiting, "seconds_behind": behind_s}
