"""A person with unmistakable values, and the search for them in every table."""

from typing import Any

import httpx

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

Contacts = ServiceKit[ContactsSettings]


MARK = "zzyzx"


PERSON = {
    "first_name": f"First{MARK}",
    "last_name": f"Last{MARK}",
    "email": f"mail.{MARK}@person.example",
    "phone": "030 901 820 77",
    "job_title": f"Job{MARK}",
    "source": "REFERRAL",
    "tags": [f"tag{MARK}"],
    "external_id": f"ext-{MARK}",
}


EMPTY: dict[str, Any] = {
    **dict.fromkeys(("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "job_title", "source")),
    "external_id": None,
    "tags": [],
    "custom_data": {},
    "shares": [],
}


# The server lists its own tables and columns, so that no table is forgotten. A bytea is read as the text it holds.
# Each has a tenant_id: test_list_plans and others leave hundreds of thousands of rows of other tenants here.
LIST_TABLES = """
    SELECT table_name::text FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
       AND table_name NOT IN ('outbox', 'alembic_version', 'bulk_backlog')
     ORDER BY 1
"""
LIST_ROWS = """
    SELECT query_to_xml(format('SELECT to_jsonb(t) AS row FROM %I AS t WHERE tenant_id = %L', $1::text, $2::text),
                        true, false, '')::text
"""


async def list_tables_with(contacts: Contacts, tenant: SeededTenant, *texts: str) -> dict[str, list[str]]:
    """Return the tenant's rows of every table that hold one of the texts; the outbox apart, which the relay empties."""
    async with contacts.database.read_as_worker() as connection:
        tables = [row["table_name"] for row in await connection.fetch(LIST_TABLES)]
        rows = {table: (await connection.fetchval(LIST_ROWS, table, str(tenant.id))).splitlines() for table in tables}
    hexes = [text.encode().hex() for text in texts]  # how a bytea is written
    found = {
        table: [line for line in lines if any(text in line.lower() for text in (*texts, *hexes))]
        for table, lines in rows.items()
    }
    return {table: lines for table, lines in found.items() if lines}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    created: dict[str, Any] = require_ok(await client.post("/v1/contacts", json={**PERSON, **fields}), 201)
    return created


async def erase(client: httpx.AsyncClient, contact_id: str, **headers: str) -> httpx.Response:
    return await client.post(f"/v1/contacts/{contact_id}/erase", headers=headers)


async def merge(client: httpx.AsyncClient, survivor_id: str, other_id: str) -> str:
    merged = require_ok(await client.post(f"/v1/contacts/{survivor_id}/merge", json={"other_id": other_id}))
    merge_id: str = merged["merge_id"]
    return merge_id
