"""The e-mails that were there before: each gets its thread, page by page, while others write."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from alembic import op
from sqlalchemy import text

revision = "0014"
down_revision = "0013"

# The first reads a thread, oldest first; the second keeps a user from logging a message twice.
INDEXES = {
    "activities_in_thread": """
        CREATE INDEX CONCURRENTLY activities_in_thread ON activities (tenant_id, thread_id, occurred_at, id)
         WHERE thread_id IS NOT NULL
    """,
    "activities_one_message": """
        CREATE UNIQUE INDEX CONCURRENTLY activities_one_message
            ON activities (tenant_id, user_id, message_key(tenant_id, message_id))
         WHERE deleted_at IS NULL AND message_id IS NOT NULL
    """,
}

# Up from each e-mail of the page to those that it answers. UNION, not UNION ALL: a walk in a circle ends.
THREAD_PAGE = """
    WITH RECURSIVE page AS MATERIALIZED (
        SELECT tenant_id, id, in_reply_to, occurred_at
          FROM activities
         WHERE (tenant_id, id) > (:tenant_id, :id) AND type = 'EMAIL'
         ORDER BY tenant_id, id
         LIMIT 2000
    ), answered AS (
        SELECT tenant_id, id AS first_id, id, in_reply_to, occurred_at FROM page
        UNION
        SELECT a.tenant_id, r.first_id, a.id, a.in_reply_to, a.occurred_at
          FROM answered r
          JOIN activities a ON a.tenant_id = r.tenant_id AND a.id = r.in_reply_to AND a.type = 'EMAIL'
    ), roots AS MATERIALIZED (
        SELECT r.tenant_id, r.first_id, r.id
          FROM answered r
         WHERE NOT EXISTS (SELECT FROM activities a
                            WHERE a.tenant_id = r.tenant_id AND a.id = r.in_reply_to AND a.id <> r.id
                              AND a.type = 'EMAIL')
    ), threaded AS (
        UPDATE activities a
           SET thread_id = roots.id
          FROM roots
         WHERE a.tenant_id = roots.tenant_id AND a.id = roots.first_id AND a.type = 'EMAIL'
           AND a.thread_id IS DISTINCT FROM roots.id
    )
    SELECT (SELECT ARRAY[tenant_id, id] FROM page ORDER BY tenant_id DESC, id DESC LIMIT 1) AS last,
           (SELECT jsonb_agg(r) FROM answered r
             WHERE (r.tenant_id, r.first_id) NOT IN (SELECT tenant_id, first_id FROM roots)) AS circling
"""
THREAD_ONE = "UPDATE activities SET thread_id = :thread_id WHERE tenant_id = :tenant_id AND id = :id AND type = 'EMAIL'"

# Without an owner's policy FORCE hides every row from whom the table belongs to.
SEE_ALL = "CREATE POLICY owner_threads ON activities TO CURRENT_USER USING (true) WITH CHECK (true)"
AS_BEFORE = "DROP POLICY IF EXISTS owner_threads ON activities"


def upgrade() -> None:
    """Give every e-mail its thread. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, index in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(index)
        op.execute(AS_BEFORE)
        op.execute(SEE_ALL)
        thread_all()
        op.execute(AS_BEFORE)


def thread_all() -> None:
    after: Sequence[UUID] = (UUID(int=0), UUID(int=0))
    while True:
        page = op.get_bind().execute(text(THREAD_PAGE), {"tenant_id": after[0], "id": after[1]}).one()
        if page.last is None:
            return
        after = page.last
        for threaded in find_circles(page.circling or []):
            op.get_bind().execute(text(THREAD_ONE), threaded)


def find_circles(answered: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Give e-mails that lead into a circle of answers its earliest."""
    rows = {(row["tenant_id"], row["id"]): row for row in answered}
    return [
        {"tenant_id": tenant_id, "id": first_id, "thread_id": find_earliest(rows, tenant_id, first_id)}
        for tenant_id, first_id in sorted({(row["tenant_id"], row["first_id"]) for row in answered})
    ]


def find_earliest(rows: Mapping[tuple[str, str], Mapping[str, Any]], tenant_id: str, first_id: str) -> str:
    way: list[Mapping[str, Any]] = []
    row = rows[tenant_id, first_id]
    while row not in way:
        way.append(row)
        row = rows[tenant_id, row["in_reply_to"]]
    return str(min(way[way.index(row) :], key=lambda one: (one["occurred_at"], one["id"]))["id"])
