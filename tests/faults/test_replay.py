"""Every topic read again from offset 0 changes no row."""

import asyncpg
import pytest

from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant
from crm_testing.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.faults]

# As a worker: a table that it has no right to at all, it can't have changed.
LIST_TABLES = """
    SELECT relname FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
       AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')
     ORDER BY 1
"""
# The server writes the statement: a name is data here. xmin tells a row rewritten with the same values.
LIST_ROWS = """
    SELECT query_to_xml(format('SELECT to_jsonb(t) AS row, t.xmin FROM %I AS t ORDER BY to_jsonb(t)::text', $1::text),
                        true, false, '')::text
"""
# Attempts go on at their own hours, for webhooks of other tests too: what reading again must not change is which there
# are. A delivery of an event that was heard twice would be one more.
LIST_KEYS = """
    SELECT query_to_xml(format('SELECT %1$s FROM %2$I ORDER BY %1$s', string_agg(quote_ident(a.attname), ', '),
                               $1::text), true, false, '')::text
      FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
     WHERE i.indrelid = $1::text::regclass AND i.indisprimary
"""
ATTEMPTED_TABLES = {"webhooks", "webhook_deliveries"}
# What consumers note of their own progress, not of the business; and what a background round learns at its own hours.
PROGRESS_TABLES = {
    *("alembic_version", "outbox", "idempotency_keys", "freshness", "topic_progress", "erased_traces"),
    *("search_indexes", "index_parts", "matching_lessons", "webhook_lanes", "bulk_backlog"),
}


# A new index is filled and compared once, beside the events, and what differs is written again: that must be over.
LIST_UNFINISHED = "SELECT count(*) FROM search_indexes WHERE state NOT IN ('live', 'kept')"


async def _is_index_finished(crm: RunningCrm) -> bool:
    connection = await asyncpg.connect(crm.plan.dsn("search", "worker"))
    try:
        return bool(await connection.fetchval(LIST_UNFINISHED) == 0)
    finally:
        await connection.close()


async def _read_all(crm: RunningCrm) -> dict[str, str]:
    rows: dict[str, str] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(crm.plan.dsn(service, "worker"))
        try:
            for record in await connection.fetch(LIST_TABLES):
                table = record["relname"]
                if table not in PROGRESS_TABLES:
                    query = LIST_KEYS if table in ATTEMPTED_TABLES else LIST_ROWS
                    rows[f"{service}.{table}"] = await connection.fetchval(query, table)
        finally:
            await connection.close()
    return rows


async def test_replaying_every_topic_changes_no_row(crm: RunningCrm, tenant: Tenant) -> None:
    admin = tenant.admin
    stages = await admin.stages()
    rep = await tenant.add_user("rae", "REP")
    url = "https://nowhere.invalid/hook"
    await admin.post("deals", "/v1/webhooks", {"url": url, "event_types": ["crm.deal.stage_changed"]})
    contact = await admin.post("contacts", "/v1/contacts", {"first_name": "Ida", "email": "ida@replay.example"})
    for number in range(5):
        deal = await rep.post("deals", "/v1/deals", {"name": f"Replay {number}", "amount": "10.00"})
        for name in ("Discovery", "Closed Won", "Proposal", "Closed Lost"):
            await rep.post("deals", f"/v1/deals/{deal['id']}/move", {"stage_id": stages[name]})
    await admin.call("contacts", "PATCH", f"/v1/contacts/{contact['id']}", json={"job_title": "CTO"})
    await crm.drain()
    await wait_until(lambda: _is_index_finished(crm))
    await crm.drain()
    before = await _read_all(crm)
    assert all(before[f"deals.{table}"].count("<row") > 0 for table in ATTEMPTED_TABLES)

    await crm.redeliver()
    # What other tests have poisoned a topic with is met again, and set aside again.
    await crm.drain()

    after = await _read_all(crm)
    assert [table for table in before if before[table] != after[table]] == []
    assert before.keys() == after.keys()
