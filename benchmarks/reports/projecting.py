"""What the projection of deals costs, history and sums included: against raw getmany and the same bulk writes."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord
from pydantic_core import from_json

from benchmarks.arena import Arena, Row
from benchmarks.consuming import time_raw, time_worker
from benchmarks.projecting import write_many
from benchmarks.size import sized
from crm_reporting import store
from crm_reporting.closings.losses import add_losses
from crm_reporting.closings.store import add_closings
from crm_reporting.consumers import project_deals
from crm_reporting.conversions.store import list_moved, make_conversions
from crm_reporting.history.forecasts import add_forecasts
from crm_reporting.history.projections import DealVersion
from crm_reporting.history.store import save_deal_versions
from crm_reporting.history.sums import add_periods
from crm_reporting.projections import DealFact, StageTransition
from crm_reporting.stays.store import make_stays
from crm_reporting.wins.store import make_wins
from crm_shared.bus.topics import create_topics
from crm_shared.clock import new_id
from crm_shared.contracts import OutboxEvent, new_event
from crm_shared.database import Database, Transaction

DEALS, ROUNDS, BATCH = sized((5_000, 3, 500), tiny=(50, 1, 50))
LIFE: Final = ("created", "stage_changed", "stage_changed", "won")
EVENTS: Final = DEALS * len(LIFE)
AIM: Final = 0.85
TABLES: Final = (
    *("deal_facts", "deal_rollup", "closing_rollup", "stage_transitions", "stage_stays", "stay_rollup"),
    *("deal_versions", "deal_periods", "period_rollup", "forecast_rollup", "loss_rollup", "handed_over_wins"),
    *("stage_conversions", "source_progress"),
)


async def run(arena: Arena) -> list[Row]:
    """Consume the same topic from its beginning ROUNDS times each way, in turn, into emptied tables."""
    groups = {f"reporting.bench-{round_}": ["crm.deal"] for round_ in range(ROUNDS)}
    await create_topics(arena.kafka_bootstrap, "deals", groups=groups, partitions=3, replication=1)
    stages = [new_id() for _ in range(3)]
    for number in range(len(LIFE)):  # deal by deal the events keep their order
        await write_many(arena.kafka_bootstrap, list(_publish(arena, stages, number)))
    database = await Database.open(arena.worker_dsn, max_size=4)
    owner = await asyncpg.connect(arena.environment["CRM_REPORTING_OWNER_DSN"])
    ours: list[float] = []
    raw: list[float] = []
    try:
        for group in groups:
            for rates, consume in ((ours, _consume), (raw, _consume_raw)):
                await owner.execute("TRUNCATE " + ", ".join(TABLES))
                rates.append(await consume(arena, database, group))
    finally:
        await owner.close()
        await database.close()
    return [
        Row(
            f"projection of {EVENTS:,} events of deals, with history",
            f"{statistics.median(ours):,.0f} events/s",
            f"getmany + the same bulk writes: {statistics.median(raw):,.0f} events/s",
            statistics.median(mine / theirs for mine, theirs in zip(ours, raw, strict=True)),
            AIM,
        )
    ]


def _publish(arena: Arena, stages: Sequence[UUID], number: int) -> Iterator[OutboxEvent]:
    """Yield one event of each deal's life."""
    began_at = datetime(2026, 11, 2, 9, tzinfo=UTC)
    user_id, at = arena.tenant.admin.id, began_at + timedelta(days=number)
    moves = min(number, 2)
    stage = {"from": stages[moves - 1], "to": stages[moves]}
    is_won = number == len(LIFE) - 1
    moved_at = began_at + timedelta(days=moves)
    for deal in range(DEALS):
        state = {
            "id": UUID(int=(0xDEA1 << 96) + deal), "version": number + 1, "name": f"Deal {deal}", "contact_id": None,
            "original_contact_id": None, "company_id": None, "owner_id": user_id, "pipeline_id": user_id,
            "stage_id": stages[moves], "amount": "12500.00", "currency": "EUR", "close_date": "2026-12-01",
            "status": "WON" if is_won else "OPEN", "stage_changed_at": moved_at,
            "closed_at": at if is_won else None, "lost_reason": None, "description": None, "custom_data": {},
            "external_id": None, "created_at": began_at, "updated_at": at, "deleted_at": None,
        }  # fmt: skip
        changed: Any = {
            "created": None,
            "stage_changed": {"stage_id": stage, "stage_name": {"from": "Discovery", "to": "Proposal"}},
            "won": {"status": {"from": "OPEN", "to": "WON"}, "closed_at": {"from": None, "to": at}},
        }[LIFE[number]]
        yield new_event(
            aggregate="deal", aggregate_id=cast(UUID, state["id"]), verb=LIFE[number], version=number + 1,
            tenant_id=arena.tenant.id, occurred_at=at, state=state, changed=changed, actor_id=user_id,
        )  # fmt: skip


async def _consume(arena: Arena, database: Database, group: str) -> float:
    bound = project_deals.bind(database)
    count = partial(_count, database, arena.tenant.id)
    return await time_worker(arena, bound, group, batch=BATCH, total=EVENTS, count=count)


async def _count(database: Database, tenant_id: UUID) -> int:
    async with database.read_as_worker() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM deal_versions WHERE tenant_id = $1", tenant_id))


async def _consume_raw(arena: Arena, _database: Database, group: str) -> float:
    return await time_raw(arena, group, batch=BATCH, total=EVENTS, write=_write_raw)


async def _write_raw(connection: asyncpg.Connection, records: Sequence[ConsumerRecord]) -> None:
    """Write what the projection writes, from the parsed JSON, without a check of anything."""
    facts: dict[UUID, DealFact] = {}
    entries, versions = [], []
    for record in records:
        headers = dict(record.headers)
        tenant_id, at = UUID(headers["ce_tenantid"].decode()), datetime.fromisoformat(headers["ce_time"].decode())
        value = from_json(record.value)
        fact = _to_fact(tenant_id, value["deal"])
        facts[fact.deal_id] = fact
        is_created = value["changed"] is None
        if is_created or "stage_id" in value["changed"]:
            entries.append(
                StageTransition(
                    *fact[:4], None, None, fact.stage_id, None, fact.stage_changed_at, fact.owner_id, fact.owner_id,
                    fact.amount, fact.currency,
                )
            )  # fmt: skip
        versions.append(
            DealVersion(
                *fact[:3], at, True, is_created, fact.pipeline_id, fact.stage_id, fact.stage_changed_at,  # noqa: FBT003
                fact.status, fact.closed_at, fact.amount, fact.currency, fact.owner_id, fact.close_date,
                is_deleted=False,
            )
        )  # fmt: skip
    async with connection.transaction():
        transaction = cast(Transaction, connection)
        sorted_facts = [facts[key] for key in sorted(facts)]
        changes = await store.save_facts(transaction, sorted_facts)
        await store.save_transitions(transaction, sorted(entries, key=lambda row: row[:3]))
        history = await save_deal_versions(transaction, sorted(versions, key=lambda row: row[:3]), changes.former)
        await make_wins(transaction, [fact[:2] for fact in sorted_facts])
        moved = list_moved(entries, changes.former, ())
        await make_conversions(transaction, moved)
        await make_stays(transaction, moved)
        await add_closings(transaction, changes.closings)
        await add_losses(transaction, changes.losses)
        await add_periods(transaction, history.periods)
        await add_forecasts(transaction, history.forecasts)


def _to_fact(tenant_id: UUID, deal: Mapping[str, Any]) -> DealFact:
    def read(name: str) -> Any:
        return datetime.fromisoformat(deal[name]) if deal[name] else None

    return DealFact(
        tenant_id, UUID(deal["id"]), deal["version"], UUID(deal["pipeline_id"]), UUID(deal["stage_id"]),
        UUID(deal["owner_id"]), None, deal["status"], Decimal(deal["amount"]), deal["currency"],
        datetime.fromisoformat(deal["close_date"]).date(), read("created_at"), read("stage_changed_at"),
        read("closed_at"), is_deleted=False, lost_reason=None, name=deal["name"],
    )  # fmt: skip
