"""Merges that search was told of before it kept them: the upgrade finds them in the rows."""

import json
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from crm_search.projections import to_record
from crm_testing.published_records import PUBLISHED_AT, PublishedRecord
from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
BEFORE: Final = "0009"
TENANT: Final = UUID(int=1)
INSERT: Final = """
    INSERT INTO search_records (tenant_id, type, id, version, state, face, is_hidden, revision, indexed_revision)
    VALUES ($1, $2, $3, 1, $4, $5, $6, 1, 1)
"""


async def test_merges_of_before_are_known_after_the_upgrade(postgres_admin_dsn: str) -> None:
    kept = PublishedRecord.new("contact", TENANT, first_name="Anna")
    gone = PublishedRecord.new("contact", TENANT, last_name="Quagga", merged_into=kept.id, deleted_at=PUBLISHED_AT)
    deleted = PublishedRecord.new("contact", TENANT, last_name="Zebra", deleted_at=PUBLISHED_AT)
    published = [to_record(record.publish()) for record in (kept, gone, deleted)]
    summaries: dict[UUID, dict[str, Any]] = {record.id: dict(record.summary) for record in published}
    async with upgrading("search", MIGRATIONS, admin_dsn=postgres_admin_dsn, until=BEFORE) as upgrade:
        for record in published:
            summary = {name: value for name, value in record.summary.items() if name != "former"}
            texts = json.dumps(record.state), json.dumps(summary)
            await upgrade.admin.execute(INSERT, TENANT, "contact", record.id, *texts, record.is_hidden)
        await upgrade.finish()
        merges = await upgrade.admin.fetch("SELECT contact_id, survivor_id, is_over FROM former_contacts")
        assert [tuple(row) for row in merges] == [(gone.id, kept.id, False)]
        rows = await upgrade.admin.fetch("SELECT id, face FROM search_records")
        assert {row["id"]: json.loads(row["face"]) for row in rows} == summaries
        assert await upgrade.admin.fetch("SELECT FROM pg_policies WHERE policyname = 'owner_fills'") == []
