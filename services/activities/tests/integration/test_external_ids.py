"""Databases from before one external id was one living activity's: all stay, the first goes by it."""

from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from services.activities.tests.integration.conftest import MIGRATIONS

from crm_shared.clock import new_id
from crm_testing.upgrades import upgrading

pytestmark = pytest.mark.engines

INSERT = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, external_id, occurred_at, system, created_at,
                            updated_at, deleted_at)
    VALUES ($1, $2, 1, 'NOTE', $1, $3, now(), false, now(), now(), $4)
"""
NOW = datetime(2026, 11, 22, tzinfo=UTC)
REPEATED = "SELECT id FROM activities WHERE external_id_repeated"
NAME = "UPDATE activities SET external_id = $2 WHERE id = $1"


async def test_doubles_stay_and_the_first_goes_by_the_id(postgres_admin_dsn: str) -> None:
    tenant_id, neighbour_id = new_id(), new_id()
    ids = [new_id() for _ in range(6)]
    rows = [
        (tenant_id, "same", NOW),
        (tenant_id, "same", None),
        (tenant_id, "same", None),
        (tenant_id, "same", None),
        (neighbour_id, "same", None),
        (tenant_id, "other", None),
    ]
    async with upgrading("activities", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0010") as upgrade:
        for activity_id, (tenant, external_id, deleted_at) in zip(ids, rows, strict=True):
            await upgrade.admin.execute(INSERT, tenant, activity_id, external_id, deleted_at)
        await upgrade.finish()

        async def list_repeated() -> set[UUID]:
            return {row["id"] for row in await upgrade.admin.fetch(REPEATED)}

        assert await list_repeated() == set(ids[2:4])
        with pytest.raises(asyncpg.UniqueViolationError):
            await upgrade.admin.execute(INSERT, tenant_id, new_id(), "same", None)
        with pytest.raises(asyncpg.UniqueViolationError):
            await upgrade.admin.execute(NAME, ids[2], "other")
        await upgrade.admin.execute(NAME, ids[2], "its own")
        assert await list_repeated() == {ids[3]}
        with pytest.raises(asyncpg.UniqueViolationError):
            await upgrade.admin.execute(INSERT, tenant_id, new_id(), "its own", None)
