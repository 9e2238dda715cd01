"""The functions of the indexes: alike with and without a superuser, in either order, and never an error."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from crm_shared.entry_points.provision import provision
from crm_shared.features.custom_fields.schema import functions_ddl

pytestmark = pytest.mark.engines

SERVICE = "contacts"
PASSWORD = "secret"

LEAKPROOF = """
    SELECT proname FROM pg_proc WHERE proleakproof AND proname LIKE 'custom\\_%' ORDER BY proname
"""
ODD = """
    SELECT custom_text(data, 'it') AS text, custom_text_key(data, 'it') AS text_key,
           custom_number_key(data, 'it') AS number_key, custom_decimal(data, 'it')::text AS decimal
      FROM unnest(ARRAY['{}', '[]', '7', '"it"', 'null', '{"it": null}', '{"it": []}', '{"it": {"a": 1}}',
                        '{"it": true}',
                        '{"it": ""}', '{"it": "NaN"}', '{"it": "1e400"}', '{"it": 1e300}', '{"it": "-12.50"}',
                        '{"it": 12.50}', '{"it": "12,5"}', '{"it": "99999999999999999999.9999999999"}',
                        '{"it": "Straße Ⅷ"}']::jsonb[]
                  || jsonb_build_object('it', repeat('é', 5000))) AS data
"""


async def make(admin_dsn: str, name: str) -> None:
    await provision(admin_dsn, SERVICE, password_of=lambda _role: PASSWORD, database=name)


@pytest.fixture
async def database(postgres_admin_dsn: str) -> AsyncIterator[str]:
    name = f"test_functions_{uuid4().hex[:12]}"
    yield name
    admin = await asyncpg.connect(postgres_admin_dsn)
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await admin.close()


async def test_either_order_ends_alike(postgres_admin_dsn: str, database: str) -> None:
    await make(postgres_admin_dsn, database)
    inside = await asyncpg.connect(postgres_admin_dsn, database=database)
    try:
        marked = [row["proname"] for row in await inside.fetch(LEAKPROOF)]
        assert marked == ["custom_number_key", "custom_text", "custom_text_key"]
        results = await inside.fetch(ODD)

        # A migration after it, as the tables' owner, leaves them be.
        await inside.execute(f"SET ROLE {SERVICE}_owner")
        await inside.execute(functions_ddl(leakproof=False))
        await inside.execute("RESET ROLE")
        assert [row["proname"] for row in await inside.fetch(LEAKPROOF)] == marked

        # A migration before it, or without a superuser: the same results, only no index.
        await inside.execute("DROP FUNCTION custom_text, custom_text_key, custom_number_key, custom_decimal")
        await inside.execute(f"SET ROLE {SERVICE}_owner")
        await inside.execute(functions_ddl(leakproof=False))
        await inside.execute("RESET ROLE")
        assert await inside.fetch(LEAKPROOF) == []
        assert await inside.fetch(ODD) == results

        await make(postgres_admin_dsn, database)
        assert [row["proname"] for row in await inside.fetch(LEAKPROOF)] == marked
        assert await inside.fetch(ODD) == results
    finally:
        await inside.close()


async def test_odd_values_are_null_and_never_an_error(postgres_admin_dsn: str, database: str) -> None:
    await make(postgres_admin_dsn, database)
    inside = await asyncpg.connect(postgres_admin_dsn, database=database)
    try:
        rows = await inside.fetch(ODD)
        numbers = [(row["number_key"], row["decimal"]) for row in rows if row["number_key"] is not None]
        assert numbers == [(-12.5, "-12.50"), (12.5, "12.50"), (1e20, "99999999999999999999.9999999999")]
        assert [row["text_key"] for row in rows][-2:] == ["strasse ⅷ", "é" * 100]
    finally:
        await inside.close()
