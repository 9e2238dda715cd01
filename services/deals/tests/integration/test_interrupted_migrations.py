"""A migration that died before its end is begun anew, whatever it has left behind."""

import asyncio
from pathlib import Path

import pytest

from crm_shared.database.migrations import migrate
from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
LEFT_BEHIND = """
    ALTER TABLE webhooks ADD COLUMN replays timestamptz[] NOT NULL DEFAULT '{}';
    CREATE INDEX webhook_deliveries_replaying_new ON webhook_deliveries (id);
"""
REPLAYING = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE indrelid = 'webhook_deliveries'::regclass AND relname LIKE '%replaying%'
"""


@pytest.mark.parametrize("left_behind", ["SELECT 1", LEFT_BEHIND], ids=["nothing", "all kinds"])
async def test_the_index_of_replays_stands(postgres_admin_dsn: str, left_behind: str) -> None:
    async with upgrading("deals", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0011") as upgrade:
        await upgrade.admin.execute(left_behind)
        await asyncio.to_thread(migrate, upgrade.owner_dsn, MIGRATIONS, until="0012")
        found = await upgrade.admin.fetch(REPLAYING)
        assert [tuple(row) for row in found] == [("webhook_deliveries_replaying", True)]
        await upgrade.finish()
