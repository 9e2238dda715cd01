"""The queue of deliveries, in SQL: a lane for each webhook and record keeps that record's events in order.

A lane is there while it has something to send; its first pending delivery is the one that is sent. `next_attempt_at` is
when it is due, and also the lease of whoever sends: a worker that dies leaves a lane that is due again soon.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_deals.webhooks.sending import Answer
from crm_shared.database import Connection, Transaction

# The lane is touched, not just looked for: whoever is about to end it has it locked, and we wait and make it anew.
ENQUEUE = """
    WITH queued AS (
        INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, event_type, record_id, sequence, body,
                                        told_at, traceparent, created_at, replay_of)
        SELECT queued.*, now(), NULL
          FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::bigint[], $8::bytea[],
                      $9::timestamptz[], $10::text[]) AS queued
        ON CONFLICT (tenant_id, webhook_id, record_id, sequence) WHERE replay_of IS NULL DO NOTHING
        RETURNING tenant_id, webhook_id, record_id
    )
    INSERT INTO webhook_lanes AS l (tenant_id, webhook_id, record_id, next_attempt_at, attempts)
    SELECT DISTINCT tenant_id, webhook_id, record_id, now(), 0 FROM queued ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, webhook_id, record_id) DO UPDATE SET next_attempt_at = l.next_attempt_at
"""

REPLAY = """
    WITH queued AS (
        INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, event_type, record_id, sequence, body,
                                        told_at, traceparent, created_at, replay_of)
        SELECT d.tenant_id, uuidv7(), d.webhook_id, d.event_id, d.event_type, d.record_id, d.sequence, d.body,
               d.told_at, d.traceparent, now(), d.id
          FROM webhook_deliveries d
         WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.replay_of IS NULL AND d.status <> 'PENDING'
           AND (d.id = $3 OR d.told_at >= $4)
         ORDER BY d.position
        RETURNING id, tenant_id, webhook_id, record_id
    ), lanes AS (
        INSERT INTO webhook_lanes AS l (tenant_id, webhook_id, record_id, next_attempt_at, attempts)
        SELECT DISTINCT tenant_id, webhook_id, record_id, now(), 0 FROM queued ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, webhook_id, record_id) DO UPDATE SET next_attempt_at = l.next_attempt_at
    )
    SELECT id FROM queued
"""

# How many may be under way at once is decided by the endpoint's health: one that keeps failing is only felt for.
LIST_DUE = """
    SELECT w.tenant_id, w.id, w.failures, w.url
      FROM webhooks w
     WHERE w.active
       AND EXISTS (SELECT FROM webhook_lanes l
                    WHERE l.tenant_id = w.tenant_id AND l.webhook_id = w.id AND l.next_attempt_at <= now())
"""

CLAIM = """
    WITH due AS (
        SELECT tenant_id, webhook_id, record_id
          FROM webhook_lanes
         WHERE tenant_id = $1 AND webhook_id = $2 AND next_attempt_at <= now()
         ORDER BY next_attempt_at
         LIMIT $3
           FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE webhook_lanes l
           SET next_attempt_at = now() + make_interval(secs => $4), attempts = attempts + 1, claim = claim + 1
          FROM due
         WHERE (l.tenant_id, l.webhook_id, l.record_id) = (due.tenant_id, due.webhook_id, due.record_id)
        RETURNING l.tenant_id, l.webhook_id, l.record_id, l.attempts, l.claim
    )
    SELECT leased.tenant_id, leased.webhook_id, leased.record_id, leased.attempts, leased.claim, first.id,
           first.event_id, first.event_type, first.body, first.created_at, first.first_attempt_at, first.traceparent
      FROM leased
      LEFT JOIN LATERAL (
           SELECT d.* FROM webhook_deliveries d
            WHERE d.tenant_id = leased.tenant_id AND d.webhook_id = leased.webhook_id
              AND d.record_id = leased.record_id AND d.status = 'PENDING'
            ORDER BY d.position
            LIMIT 1) AS first ON true
"""

LOCK_LANE = """
    SELECT claim FROM webhook_lanes WHERE tenant_id = $1 AND webhook_id = $2 AND record_id = $3 FOR UPDATE
"""

RECORD_ATTEMPT = """
    UPDATE webhook_deliveries
       SET status = $3, attempts = attempts + 1, first_attempt_at = COALESCE(first_attempt_at, now()),
           last_attempt_at = now(), next_attempt_at = $4, response_status = $5, response_excerpt = $6, error = $7,
           duration_ms = $8, delivered_at = CASE WHEN $3 = 'DELIVERED' THEN now() END
     WHERE tenant_id = $1 AND id = $2 AND status = 'PENDING'
"""

POSTPONE_LANE = """
    UPDATE webhook_lanes SET next_attempt_at = $4 WHERE tenant_id = $1 AND webhook_id = $2 AND record_id = $3
"""

# The lane is locked, so a delivery that comes now waits for its end and begins a new one.
HAS_MORE = """
    SELECT EXISTS (SELECT FROM webhook_deliveries
                    WHERE tenant_id = $1 AND webhook_id = $2 AND record_id = $3 AND status = 'PENDING')
"""
GO_ON = """
    UPDATE webhook_lanes SET next_attempt_at = now(), attempts = 0
     WHERE tenant_id = $1 AND webhook_id = $2 AND record_id = $3
"""
END_LANE = "DELETE FROM webhook_lanes WHERE tenant_id = $1 AND webhook_id = $2 AND record_id = $3"

COUNT_FAILURE = """
    UPDATE webhooks
       SET failures = failures + 1, failing_since = COALESCE(failing_since, now())
     WHERE tenant_id = $1 AND id = $2
    RETURNING failures, failing_since
"""
FORGET_FAILURES = """
    UPDATE webhooks SET failures = 0, failing_since = NULL WHERE tenant_id = $1 AND id = $2 AND failures > 0
"""

IS_REPLAYING = """
    SELECT EXISTS (SELECT FROM webhook_deliveries
                    WHERE tenant_id = $1 AND webhook_id = $2 AND status = 'PENDING' AND replay_of IS NOT NULL
                      AND ($3::uuid IS NULL OR replay_of = $3))
"""

FORGET_OLD = """
    DELETE FROM webhook_deliveries
     WHERE (tenant_id, id) IN (
           SELECT tenant_id, id FROM webhook_deliveries
            WHERE created_at < now() - make_interval(days => $1) AND status <> 'PENDING'
            LIMIT $2)
"""


async def list_due(connection: Connection) -> list[Mapping[str, Any]]:
    """Return the active webhooks that have something due, over all tenants: tenant_id, id, url, failures in a row."""
    return [dict(row) for row in await connection.fetch(LIST_DUE)]


async def claim(
    transaction: Transaction, tenant_id: UUID, webhook_id: UUID, *, limit: int, lease_s: float
) -> list[Mapping[str, Any]]:
    """Lease up to `limit` due lanes and give the first pending delivery of each; lanes without one end here."""
    claimed: list[Mapping[str, Any]] = []
    for row in await transaction.fetch(CLAIM, tenant_id, webhook_id, limit, lease_s):
        if row["id"] is None:  # two attempts at its last delivery, and the one that had lost the lane was the first
            await transaction.execute(END_LANE, tenant_id, webhook_id, row["record_id"])
        else:
            claimed.append(dict(row))
    return claimed


async def conclude(
    transaction: Transaction,
    delivery: Mapping[str, Any],
    answer: Answer,
    *,
    status: str,
    next_attempt_at: datetime | None,
) -> None:
    """Keep what came of an attempt; `next_attempt_at` stands while `status` is PENDING. The lane goes on or ends.

    An attempt that took longer than its lease leaves the lane to who has it now: moved on by both, a record's next
    event could overtake the second attempt.
    """
    lane = (delivery["tenant_id"], delivery["webhook_id"], delivery["record_id"])
    is_ours = await transaction.fetchval(LOCK_LANE, *lane) == delivery["claim"]
    await transaction.execute(
        RECORD_ATTEMPT, delivery["tenant_id"], delivery["id"], status, next_attempt_at, answer.status, answer.excerpt,
        answer.error, answer.duration_ms,
    )  # fmt: skip
    if not is_ours:
        return
    if next_attempt_at is not None:
        await transaction.execute(POSTPONE_LANE, *lane, next_attempt_at)
    elif await transaction.fetchval(HAS_MORE, *lane):
        await transaction.execute(GO_ON, *lane)
    else:
        await transaction.execute(END_LANE, *lane)


async def is_replaying(
    connection: Connection, tenant_id: UUID, webhook_id: UUID, *, delivery_id: UUID | None = None
) -> bool:
    """Return whether anything is being sent again, or this one delivery."""
    return bool(await connection.fetchval(IS_REPLAYING, tenant_id, webhook_id, delivery_id))


async def replay(
    connection: Connection,
    tenant_id: UUID,
    webhook_id: UUID,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
) -> Sequence[UUID]:
    """Queue one finished delivery again, or all that were told since a moment, in their order. Give the new ids."""
    return [row["id"] for row in await connection.fetch(REPLAY, tenant_id, webhook_id, delivery_id, since)]
