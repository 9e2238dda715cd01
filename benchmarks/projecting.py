"""A projection's consuming against raw getmany and the same bulk writes: notes of moves, their outbox rows included."""

import asyncio
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord
from pydantic_core import from_json, to_json

from benchmarks.arena import Arena, Row
from benchmarks.consuming import time_raw, time_worker
from benchmarks.size import sized
from crm_activities.activities.repository import INSERT_NOTES
from crm_activities.consumers import note_deal_moves
from crm_shared.bus.topics import create_topics
from crm_shared.clock import SystemClock, new_id
from crm_shared.contracts import OutboxEvent, new_event
from crm_shared.database import Database
from crm_shared.publishing import PUBLISH_AUDITED
from crm_testing.records import RawRecord, write_records

MOVES, ROUNDS, BATCH = sized((20_000, 3, 500), tiny=(200, 2, 50))
EMPTY = "TRUNCATE activities, outbox, record_changes CASCADE"


def make_move(tenant_id: UUID, user_id: UUID, number: int) -> OutboxEvent:
    now, deal_id = datetime.now(UTC), new_id()
    state = {
        "id": deal_id, "version": 2, "name": f"Deal {number}", "contact_id": None, "original_contact_id": None,
        "company_id": None, "owner_id": user_id, "pipeline_id": user_id, "stage_id": user_id, "amount": "12500.00",
        "currency": "EUR", "close_date": "2026-12-01", "status": "OPEN", "stage_changed_at": now, "closed_at": None,
        "lost_reason": None, "description": None, "custom_data": {}, "external_id": None, "created_at": now,
        "updated_at": now, "deleted_at": None,
    }  # fmt: skip
    changed: Any = {
        "stage_id": {"from": user_id, "to": user_id},
        "stage_name": {"from": "Qualification", "to": "Proposal"},
    }
    return new_event(
        aggregate="deal", aggregate_id=deal_id, verb="stage_changed", version=2, tenant_id=tenant_id,
        occurred_at=now, state=state, changed=changed, actor_id=user_id,
    )  # fmt: skip


async def run(arena: Arena) -> list[Row]:
    """Consume the same topic from its beginning ROUNDS times each way, in turn, into emptied tables."""
    groups = {f"activities.bench-{round_}": ["crm.deal"] for round_ in range(ROUNDS)}
    await create_topics(arena.kafka_bootstrap, "deals", groups=groups, partitions=3, replication=1)
    moves = [make_move(arena.tenant.id, arena.tenant.admin.id, number) for number in range(MOVES)]
    await write_many(arena.kafka_bootstrap, moves)
    database = await Database.open(arena.worker_dsn, max_size=4)
    owner = await asyncpg.connect(arena.environment["CRM_ACTIVITIES_OWNER_DSN"])
    ours, raw = [], []
    try:
        for group in groups:
            await owner.execute(EMPTY)
            ours.append(await _consume(arena, database, group))
            await owner.execute(EMPTY)
            raw.append(await time_raw(arena, group, batch=BATCH, total=MOVES, write=_write_raw))
    finally:
        await owner.close()
        await database.close()
    return [
        Row(
            f"projection of {MOVES:,} moves into notes",
            f"{statistics.median(ours):,.0f} events/s",
            f"getmany + the same bulk writes: {statistics.median(raw):,.0f} events/s",
            statistics.median(mine / theirs for mine, theirs in zip(ours, raw, strict=True)),
            0.7,
        )
    ]


async def write_many(bootstrap: str, events: Sequence[OutboxEvent]) -> None:
    """Write without waiting for each: the records only have to be there."""
    chunks = [events[start::20] for start in range(20)]
    await asyncio.gather(
        *(write_records(bootstrap, "crm.deal", [RawRecord.of(event) for event in chunk]) for chunk in chunks)
    )


async def _consume(arena: Arena, database: Database, group: str) -> float:
    bound = note_deal_moves.bind(database, SystemClock())
    return await time_worker(arena, bound, group, batch=BATCH, total=MOVES, count=lambda: _count(database))


async def _count(database: Database) -> int:
    async with database.read_as_worker() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM activities"))


async def _write_raw(connection: asyncpg.Connection, records: Sequence[ConsumerRecord]) -> None:
    """Write what the projection writes, from the parsed JSON, without a check of anything."""
    now = datetime.now(UTC)
    notes: list[list[Any]] = [[] for _ in range(12)]
    events: list[list[Any]] = [[] for _ in range(10)]
    for record in records:
        headers, value = dict(record.headers), from_json(record.value)
        names, deal, note_id = value["changed"]["stage_name"], value["deal"], new_id()
        tenant_id, body = UUID(headers["ce_tenantid"].decode()), f"Deal moved from {names['from']} to {names['to']}"
        user_id, at = UUID(value["actor"]["user_id"]), datetime.fromisoformat(headers["ce_time"].decode())
        ids = value["changed"]["stage_id"]
        facts = to_json({f"{end}_stage": {"id": ids[end], "name": names[end]} for end in ("from", "to")}).decode()
        _extend(
            notes,
            (tenant_id, note_id, None, None, UUID(deal["id"]), user_id, body, at, now, deal["version"], "deal_moved",
             facts),
        )  # fmt: skip
        note = {
            "id": note_id, "version": 1, "type": "NOTE", "contact_id": None, "original_contact_id": None,
            "deal_id": deal["id"], "user_id": user_id, "subject": None, "body": body, "scheduled_at": None,
            "completed_at": None, "occurred_at": at, "direction": None, "in_reply_to": None, "duration_s": None,
            "external_id": None, "system": True, "created_at": now, "updated_at": now, "deleted_at": None,
        }  # fmt: skip
        payload = to_json({"activity": note, "changed": None, "actor": None})
        _extend(
            events,
            (new_id(), "activity", str(note_id), "crm.activity.logged", payload, str(tenant_id), 1, "/crm/activities",
             "/schemas/crm.activity.logged/1", now.isoformat()),
        )  # fmt: skip
    async with connection.transaction():
        await connection.fetch(INSERT_NOTES, *notes)
        nobody: list[None] = [None] * len(records)
        await connection.execute(PUBLISH_AUDITED, *events, None, nobody, nobody)


def _extend(columns: list[list[Any]], values: tuple[Any, ...]) -> None:
    for column, value in zip(columns, values, strict=True):
        column.append(value)
