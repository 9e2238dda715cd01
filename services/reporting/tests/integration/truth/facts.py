"""What was told, as tables in DuckDB. Nothing of it was read from the service."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
from services.reporting.tests.integration.truth import (
    activity_reports,
    attainment_report,
    money_reports,
    movement_reports,
    stage_reports,
)
from services.reporting.tests.integration.truth.business import DIGITS, Business
from services.reporting.tests.integration.truth.definitions import DEFINITIONS

from crm_testing.deal_stories import DealStory, PublishedPipeline

Rows = Iterable[Sequence[Any]]

REPORTS: Final = (money_reports, stage_reports, movement_reports, attainment_report, activity_reports)

TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "people": {"id": "VARCHAR", "name": "VARCHAR"},
    "sight": {"viewer_id": "VARCHAR", "owner_id": "VARCHAR"},
    "contacts": {"id": "VARCHAR", "owner_id": "VARCHAR", "source": "VARCHAR"},
    "shares": {"contact_id": "VARCHAR", "user_id": "VARCHAR"},
    "stage_versions": {
        "pipeline_id": "VARCHAR",
        "version": "BIGINT",
        "told_at": "TIMESTAMPTZ",
        "position": "BIGINT",
        "stage_id": "VARCHAR",
        "name": "VARCHAR",
        "kind": "VARCHAR",
        "probability": "HUGEINT",
    },
    "told_rates": {"currency": "VARCHAR", "since": "DATE", "rate": "DECIMAL(18,8)"},
    "currencies": {"code": "VARCHAR", "digits": "BIGINT"},
    "quotas": {"user_id": "VARCHAR", "month": "DATE", "amount": "DECIMAL(18,3)", "currency": "VARCHAR"},
    "deals": {
        "id": "VARCHAR",
        "contact_id": "VARCHAR",
        "owner_id": "VARCHAR",
        "pipeline_id": "VARCHAR",
        "stage_id": "VARCHAR",
        "stage_changed_at": "TIMESTAMPTZ",
        "status": "VARCHAR",
        "amount": "DECIMAL(18,3)",
        "currency": "VARCHAR",
        "close_date": "DATE",
        "created_at": "TIMESTAMPTZ",
        "closed_at": "TIMESTAMPTZ",
        "lost_reason": "VARCHAR",
        "deleted_at": "TIMESTAMPTZ",
    },
    "told_values": {
        "deal_id": "VARCHAR",
        "version": "BIGINT",
        "told_at": "TIMESTAMPTZ",
        "field": "VARCHAR",
        "value": "VARCHAR",
    },
    "activities": {
        "id": "VARCHAR",
        "type": "VARCHAR",
        "user_id": "VARCHAR",
        "contact_ids": "VARCHAR[]",
        "deal_id": "VARCHAR",
        "occurred_at": "TIMESTAMPTZ",
        "completed_at": "TIMESTAMPTZ",
        "direction": "VARCHAR",
        "in_reply_to": "VARCHAR",
        "thread_id": "VARCHAR",
        "message_id": "VARCHAR",
        "reference_ids": "VARCHAR[]",
        "is_automatic": "BOOLEAN",
        "system": "BOOLEAN",
        "deleted_at": "TIMESTAMPTZ",
    },
    "entries": {"deal_id": "VARCHAR", "version": "BIGINT", "stage_id": "VARCHAR", "entered_at": "TIMESTAMPTZ"},
}


def open_facts(business: Business, folder: Path) -> duckdb.DuckDBPyConnection:
    """Write what was told into a database of its own, in memory."""
    facts = duckdb.connect(config={"threads": 2})
    for table, rows in list_facts(business):
        path = folder / f"{table}.json"
        columns = TABLES[table]
        lines = [json.dumps(dict(zip(columns, row, strict=True)), default=_to_text) for row in rows]
        path.write_text("\n".join(lines), "utf-8")
        types = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
        source = f"read_json('{path}', format = 'newline_delimited', columns = {{{types}}})"
        facts.execute(f"CREATE TABLE {table} AS SELECT * FROM {source}")  # noqa: S608 - our own names
    for definition in (*DEFINITIONS, *(view for report in REPORTS for view in report.VIEWS)):
        facts.execute(definition)
    return facts


def _to_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def list_facts(business: Business) -> Iterator[tuple[str, Rows]]:
    yield "people", [(person.id, person.full_name) for person in business.people]
    yield "sight", list_sights(business)
    yield "contacts", [(c.id, c.state["owner_id"], c.state["source"]) for c in business.contacts]
    yield "shares", [(c.id, share["user_id"]) for c in business.contacts for share in c.state["shares"]]
    yield (
        "stage_versions",
        [row for versions in business.pipelines for published in versions for row in _list_stages(published)],
    )
    yield "told_rates", business.rates
    yield "currencies", DIGITS.items()
    yield "quotas", [(*key, *quota) for key, quota in business.quotas.items()]
    yield "deals", [_to_deal(story) for story in business.stories]
    yield (
        "activities",
        [tuple(published.state[name] for name in TABLES["activities"]) for published in business.activities],
    )
    yield "told_values", [row for story in business.stories for row in _list_values(story)]
    yield (
        "entries",
        [
            (story.id, entry["version"], entry["to_stage"]["id"], entry["changed_at"])
            for story in business.stories
            for entry in story.history
        ],
    )


def list_sights(business: Business) -> list[tuple[UUID, UUID]]:
    """Return whose records each person sees as their own or as their manager."""
    return [
        (viewer.id, owner.id)
        for viewer in business.people
        for owner in business.people
        if viewer.id in {owner.id, owner.manager_id}
    ]


def _list_stages(published: PublishedPipeline) -> list[tuple[Any, ...]]:
    return [
        (
            published.id,
            published.version,
            published.at,
            position,
            stage.id,
            stage.name,
            stage.kind,
            stage.win_probability,
        )
        for position, stage in enumerate(published.stages)
    ]


def _to_deal(story: DealStory) -> tuple[Any, ...]:
    return tuple(story.state[name] for name in TABLES["deals"])


def _list_values(story: DealStory) -> Iterator[tuple[Any, ...]]:
    """Yield each value and when it is said to have become so; '' is none."""
    for entry in story.value_history:
        for name, value in entry["values"].items():
            text = "" if value is None else _to_text(value)
            yield story.id, entry["version"], entry["changed_at"], name, text
