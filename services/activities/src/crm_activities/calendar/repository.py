"""SQL that writes calendar feeds."""

from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.calendar.domain import Feed, FeedNotFound
from crm_shared.database import Database, Transaction

# The user's own lock, as two who count at once would both find room.
LOCK_COUNT: Final = "SELECT pg_advisory_xact_lock(hashtextextended('calendar feeds ' || $1::uuid::text, 0))"
COUNT: Final = "SELECT count(*) FROM calendar_feeds WHERE tenant_id = $1 AND user_id = $2"

INSERT: Final = """
    INSERT INTO calendar_feeds (tenant_id, id, user_id, secret_hash, created_at) VALUES ($1, $2, $3, $4, $5)
"""
DELETE: Final = "DELETE FROM calendar_feeds WHERE tenant_id = $1 AND id = $2 AND user_id = $3 RETURNING id"
NOTE_READ: Final = "UPDATE calendar_feeds SET last_read_at = $3 WHERE tenant_id = $1 AND id = $2"


async def count(transaction: Transaction, tenant_id: UUID, user_id: UUID) -> int:
    """Count a user's feeds; nobody adds one to them before the commit."""
    await transaction.execute(LOCK_COUNT, user_id)
    return int(await transaction.fetchval(COUNT, tenant_id, user_id))


async def insert(
    transaction: Transaction, tenant_id: UUID, feed_id: UUID, user_id: UUID, *, digest: bytes, now: datetime
) -> None:
    await transaction.execute(INSERT, tenant_id, feed_id, user_id, digest, now)


async def delete(transaction: Transaction, tenant_id: UUID, feed_id: UUID, user_id: UUID) -> None:
    """Delete a user's feed. Raises FeedNotFound."""
    if await transaction.fetchval(DELETE, tenant_id, feed_id, user_id) is None:
        raise FeedNotFound


async def note_read(database: Database, feed: Feed, *, now: datetime) -> None:
    async with database.read(feed.tenant_id) as connection:
        await connection.execute(NOTE_READ, feed.tenant_id, feed.id, now)
