"""SQL of `index_parts`: how far a tenant's records of one type are written into an index, and compared with it.

Each portion is done and noted in one transaction that holds the part's row: whoever dies leaves the rest to the next,
and several workers take different parts.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from crm_search.projections import DOCUMENT_TYPES
from crm_search.records import FIRST_ID
from crm_shared.database import Connection, Transaction

# From one tenant to the next by the primary key: as quick for a million records as for a thousand.
_TENANTS: Final = """
    WITH RECURSIVE tenants AS (
        (SELECT tenant_id FROM search_records ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT r.tenant_id FROM search_records r WHERE r.tenant_id > t.tenant_id ORDER BY 1 LIMIT 1)
          FROM tenants t
         WHERE t.tenant_id IS NOT NULL
    )
"""
LIST_TENANTS: Final = (
    _TENANTS  # noqa: S608 - texts of ours
    + "SELECT tenant_id FROM tenants WHERE tenant_id IS NOT NULL ORDER BY tenant_id"
)
ADD_MISSING: Final = (
    _TENANTS  # noqa: S608 - texts of ours
    + """
    INSERT INTO index_parts (index_name, tenant_id, type, filled_to, compared_to)
    SELECT $1, t.tenant_id, one.type, $3, $3
      FROM tenants t CROSS JOIN unnest($2::text[]) AS one (type)
     WHERE t.tenant_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM index_parts p
                        WHERE p.index_name = $1 AND p.tenant_id = t.tenant_id AND p.type = one.type)
    ON CONFLICT DO NOTHING
    RETURNING 1
"""
)
# Another worker's part is passed over: that worker is at it.
NEXT_TO_FILL: Final = """
    SELECT tenant_id, type, filled_to
      FROM index_parts
     WHERE index_name = $1 AND filled_at IS NULL AND ($2::uuid IS NULL OR tenant_id = $2)
     ORDER BY tenant_id, type
     LIMIT 1
       FOR UPDATE SKIP LOCKED
"""
NOTE_FILLED: Final = """
    UPDATE index_parts
       SET filled_to = $4, filled_rows = filled_rows + $5, filled_at = CASE WHEN $6 THEN now() END
     WHERE index_name = $1 AND tenant_id = $2 AND type = $3
"""
NEXT_TO_COMPARE: Final = """
    SELECT tenant_id, type, compared_to, counting
      FROM index_parts
     WHERE index_name = $1 AND (compared_at IS NULL OR compared_at <= now() - make_interval(secs => $2))
     ORDER BY compared_at NULLS FIRST, tenant_id, type
     LIMIT 1
       FOR UPDATE SKIP LOCKED
"""
NOTE_COMPARED: Final = """
    UPDATE index_parts SET compared_to = $4, counting = $5 WHERE index_name = $1 AND tenant_id = $2 AND type = $3
"""
NOTE_COMPARISON: Final = """
    UPDATE index_parts
       SET compared_to = $4, counting = NULL, found = $5, compared_at = now()
     WHERE index_name = $1 AND tenant_id = $2 AND type = $3
"""
COUNT_UNFILLED: Final = "SELECT count(*) FROM index_parts WHERE index_name = $1 AND filled_at IS NULL"
COUNT_UNCOMPARED: Final = "SELECT count(*) FROM index_parts WHERE index_name = $1 AND compared_at IS NULL"
COUNT_COMPARED: Final = (
    "SELECT count(compared_at) AS compared, count(*) AS parts FROM index_parts WHERE index_name = $1"
)
COUNT_FILLED_ROWS: Final = """
    SELECT coalesce(sum(filled_rows), 0)::bigint
      FROM index_parts
     WHERE index_name = $1 AND ($2::uuid IS NULL OR tenant_id = $2)
"""
LIST_FOUND: Final = """
    SELECT tenant_id, type, found
      FROM index_parts
     WHERE index_name = $1 AND found IS NOT NULL
     ORDER BY tenant_id, type
"""
FILL_AGAIN: Final = """
    UPDATE index_parts SET filled_to = $3, filled_rows = 0, filled_at = NULL
     WHERE index_name = $1 AND tenant_id = $2
       AND NOT EXISTS (SELECT FROM index_parts p
                        WHERE p.index_name = $1 AND p.tenant_id = $2 AND p.filled_at IS NULL)
"""
COMPARE_AGAIN: Final = """
    UPDATE index_parts SET compared_to = $2, counting = NULL, compared_at = NULL WHERE index_name = $1
"""
FORGET: Final = "DELETE FROM index_parts WHERE index_name = $1"


async def list_tenants(connection: Connection) -> list[UUID]:
    """List the tenants that have any record."""
    return [row["tenant_id"] for row in await connection.fetch(LIST_TENANTS)]


async def add_missing(connection: Connection, index_name: str) -> bool:
    """Add the parts of tenants that have none of this index; tell whether there were any."""
    return bool(await connection.fetch(ADD_MISSING, index_name, list(DOCUMENT_TYPES), FIRST_ID))


async def take_to_fill(
    transaction: Transaction, index_name: str, tenant_id: UUID | None = None
) -> tuple[UUID, str, UUID] | None:
    """Hold a part that is not filled: its tenant, its type, and the record after which to go on."""
    row = await transaction.fetchrow(NEXT_TO_FILL, index_name, tenant_id)
    return None if row is None else (row["tenant_id"], row["type"], row["filled_to"])


async def note_filled(
    transaction: Transaction, index_name: str, part: tuple[UUID, str, UUID], last: UUID | None, count: int
) -> None:
    """Note a portion up to `last`; None where the part ends with it."""
    tenant_id, record_type, before = part
    await transaction.execute(
        NOTE_FILLED, index_name, tenant_id, record_type, before if last is None else last, count, last is None
    )


async def take_to_compare(transaction: Transaction, index_name: str, *, after_s: float | None) -> Any:
    """Hold a part that was never compared, or not within `after_s`: tenant_id, type, compared_to, counting."""
    return await transaction.fetchrow(NEXT_TO_COMPARE, index_name, after_s)


async def note_compared(
    transaction: Transaction, index_name: str, part: Any, last: UUID | None, counts: dict[str, int]
) -> None:
    """Note what was counted up to `last`; None where the part ends with it."""
    statement = NOTE_COMPARISON if last is None else NOTE_COMPARED
    to = FIRST_ID if last is None else last
    await transaction.execute(statement, index_name, part["tenant_id"], part["type"], to, counts)


async def are_filled(connection: Connection, index_name: str) -> bool:
    return int(await connection.fetchval(COUNT_UNFILLED, index_name)) == 0


async def are_compared(connection: Connection, index_name: str) -> bool:
    return int(await connection.fetchval(COUNT_UNCOMPARED, index_name)) == 0


async def count_filled_rows(connection: Connection, index_name: str, tenant_id: UUID | None = None) -> int:
    return int(await connection.fetchval(COUNT_FILLED_ROWS, index_name, tenant_id))


async def count_compared(connection: Connection, index_name: str) -> tuple[int, int]:
    """Return how many parts are compared, and how many there are."""
    row = await connection.fetchrow(COUNT_COMPARED, index_name)
    return (0, 0) if row is None else (row["compared"], row["parts"])


async def list_found(connection: Connection, index_name: str) -> Sequence[Any]:
    """List what the last whole comparison of each part found: tenant_id, type, found."""
    return await connection.fetch(LIST_FOUND, index_name)


async def fill_again(connection: Connection, index_name: str, tenant_id: UUID) -> None:
    """Have a tenant's parts filled anew, unless that is under way."""
    await connection.execute(FILL_AGAIN, index_name, tenant_id, FIRST_ID)


async def compare_again(connection: Connection, index_name: str) -> None:
    """Have every part compared anew."""
    await connection.execute(COMPARE_AGAIN, index_name, FIRST_ID)


async def forget(connection: Connection, index_name: str) -> None:
    await connection.execute(FORGET, index_name)
