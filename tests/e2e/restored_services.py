"""Services of which one goes back to an earlier moment, and what the others know of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from e2e.restorable_database import Restorable

from crm_activities import consumers as activities_consumers
from crm_activities.settings import ActivitiesSettings
from crm_deals.settings import DealsSettings
from crm_deals.snapshots import SOURCES
from crm_reporting import consumers as reporting_consumers
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event, decode
from crm_shared.contracts.topics import topic_of
from crm_shared.features.restoring import steps
from crm_shared.outbox.batches import headers_of
from crm_testing.people import SeededTenant
from crm_testing.published import TAKE
from crm_testing.records import RawRecord, write_records
from crm_testing.service_kit import ServiceKit

REPORTED: Final = {
    "deal_facts": ("deal_id", "NOT is_deleted"),
    "deal_versions": ("deal_id, version", "NOT is_deleted"),
    "deal_periods": ("deal_id, valid_from", "true"),
    "stage_transitions": ("deal_id, version", "true"),
    "stage_versions": (
        "pipeline_id, version, stage_id",
        "pipeline_id IN (SELECT p.id FROM pipelines p WHERE NOT p.archived)",
    ),
    "deal_rollup": ("stage_id, owner_id, status, currency, close_month", "true"),
    "stage_stays": ("deal_id, version", "true"),
    "stage_conversions": ("deal_id, from_stage_id, to_stage_id", "true"),
}


def migrations_of(package: str) -> Path:
    return Path(package).parents[2] / "migrations" / "versions"


@dataclass
class Side:
    """Deals, which is restored, and two services that follow its events. `kafka` is where these are kept."""

    deals: ServiceKit[DealsSettings]
    reporting: ServiceKit[ReportingSettings]
    activities: ServiceKit[ActivitiesSettings]
    tenant: SeededTenant
    backup: Restorable
    kafka: str

    @property
    def rep(self) -> httpx.AsyncClient:
        return self.deals.client(self.tenant.rep)

    async def carry(self) -> list[Event]:
        """Bring what deals has told to its topics and to those who follow it."""
        async with self.deals.database.begin_as_worker() as transaction:
            taken = await transaction.fetch(TAKE, str(self.tenant.id))
        rows = sorted(taken, key=lambda row: int(row["position"]))
        for topic in {topic_of(row["aggregatetype"]) for row in rows}:
            records = [
                RawRecord(row["aggregateid"].encode(), row["payload"], headers_of(row))
                for row in rows
                if topic_of(row["aggregatetype"]) == topic
            ]
            await write_records(self.kafka, topic, records)
        events = [decode(row["aggregateid"].encode(), row["payload"], headers_of(row)) for row in rows]
        await self.publish(events)
        return events

    async def publish(self, events: Sequence[Event]) -> None:
        pipelines = [event for event in events if event.aggregate == "pipeline"]
        deals = [event for event in events if event.aggregate == "deal"]
        if pipelines:
            await reporting_consumers.keep_pipelines(pipelines, self.reporting.database)
        if deals:
            await reporting_consumers.project_deals(deals, self.reporting.database)
            await activities_consumers.note_deal_moves(deals, self.activities.database, SystemClock())

    async def restore(self, *, moment: datetime) -> steps.Summary:
        await self.backup.restore()
        return await steps.follow_restoration(
            self.deals.database,
            self.kafka,
            sources=SOURCES,
            groups={},
            moment=moment,
            now=datetime.now(UTC),
            progress=lambda _line: None,
        )

    async def read_reports(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that reports read of the tenant's deals."""
        rows: dict[str, list[dict[str, Any]]] = {}
        async with self.reporting.database.read_as_worker() as connection:
            for table, (key, where) in REPORTED.items():
                query = f"SELECT * FROM {table} WHERE tenant_id = $1 AND {where} ORDER BY {key}"  # noqa: S608
                rows[table] = [dict(row) for row in await connection.fetch(query, self.tenant.id)]
        return rows

    async def forget_reports(self) -> None:
        async with self.reporting.database.begin_as_worker() as transaction:
            for table in (
                *REPORTED,
                "stages",
                "pipelines",
                "closing_rollup",
                "loss_rollup",
                "forecast_rollup",
                "period_rollup",
                "stay_rollup",
                "handed_over_wins",
            ):
                await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", self.tenant.id)  # noqa: S608

    async def list_default_pipelines(self) -> list[str]:
        """Return those that reports take where none is named."""
        async with self.reporting.database.read_as_worker() as connection:
            query = "SELECT id::text FROM pipelines WHERE tenant_id = $1 AND is_default"
            return [row["id"] for row in await connection.fetch(query, self.tenant.id)]

    async def list_notes(self) -> list[tuple[str, str]]:
        """Return the notes of deals as (deal, text)."""
        async with self.activities.database.read_as_worker() as connection:
            rows = await connection.fetch(
                "SELECT deal_id::text, body FROM activities WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY 1, 2",
                self.tenant.id,
            )
        return [tuple(row) for row in rows]


@dataclass(frozen=True)
class Services:
    deals: ServiceKit[DealsSettings]
    reporting: ServiceKit[ReportingSettings]
    activities: ServiceKit[ActivitiesSettings]
