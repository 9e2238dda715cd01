"""The bare reference: DuckDB with the same rows in a table of its own, and the plainest SQL of each report.

It answers for whoever sees everything, and adds up amounts in their own currencies: less work than the reports do.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import duckdb

TABLES: Final = {
    "facts": """SELECT deal_id::text, stage_id::text, owner_id::text, status, amount::float8, currency, close_date,
                       created_at::timestamp, stage_changed_at::timestamp, closed_at::timestamp, lost_reason
                  FROM deal_facts WHERE tenant_id = '{tenant}'""",
    "entries": """SELECT deal_id::text, version, to_stage_id::text, changed_at::timestamp
                    FROM stage_transitions WHERE tenant_id = '{tenant}'""",
    "periods": """SELECT deal_id::text, valid_from::timestamp, valid_to::timestamp, stage_id::text, status,
                         amount::float8, currency, close_date, closed_at::timestamp
                    FROM deal_periods WHERE tenant_id = '{tenant}'""",
    "activities": """SELECT activity_id::text, type, user_id::text, direction, occurred_at::timestamp,
                            completed_at::timestamp, thread_id::text, contact_ids[1]::text AS contact_id
                       FROM activity_facts WHERE tenant_id = '{tenant}'""",
    "rates": """SELECT currency, effective_on, rate::float8 FROM exchange_rates WHERE tenant_id = '{tenant}'""",
}

WINDOW: Final = "BETWEEN now()::timestamp - INTERVAL 90 DAY AND now()::timestamp"
QUERIES: Final[Mapping[str, str]] = {
    "pipeline": "SELECT stage_id, currency, count(*), sum(amount), avg(epoch(created_at)), avg(epoch(stage_changed_at))"
    " FROM facts GROUP BY ALL",
    "pipeline as of": "SELECT stage_id, currency, count(*), sum(amount) FROM periods"
    " WHERE valid_from <= now()::timestamp - INTERVAL 90 DAY"
    " AND (valid_to > now()::timestamp - INTERVAL 90 DAY OR valid_to IS NULL) GROUP BY ALL",
    "forecast": "SELECT date_trunc('month', CASE status WHEN 'OPEN' THEN close_date ELSE closed_at END) AS m, stage_id,"
    " currency, count(*), sum(amount) FROM facts WHERE status <> 'LOST' AND (CASE status WHEN 'OPEN' THEN close_date"
    " ELSE closed_at END) >= date_trunc('month', now()::timestamp) GROUP BY ALL",
    "forecast as of": "SELECT date_trunc('month', CASE status WHEN 'OPEN' THEN close_date ELSE closed_at END) AS m,"
    " stage_id, currency, count(*), sum(amount) FROM periods WHERE valid_from <= now()::timestamp - INTERVAL 90 DAY"
    " AND (valid_to > now()::timestamp - INTERVAL 90 DAY OR valid_to IS NULL) AND status <> 'LOST' AND (CASE status"
    " WHEN 'OPEN' THEN close_date ELSE closed_at END) >= date_trunc('month', now()::timestamp - INTERVAL 90 DAY)"
    " GROUP BY ALL",
    "movement": "SELECT b.status, a.status, b.currency, count(*), sum(b.amount), sum(a.amount) FROM"
    " (SELECT * FROM periods WHERE valid_from <= now()::timestamp - INTERVAL 7 DAY AND"
    " (valid_to > now()::timestamp - INTERVAL 7 DAY OR valid_to IS NULL)) b FULL JOIN"
    " (SELECT * FROM periods WHERE valid_to IS NULL) a USING (deal_id)"
    " WHERE b.status = 'OPEN' OR a.status = 'OPEN' GROUP BY ALL",
    "conversion": "WITH f AS (SELECT deal_id, to_stage_id, min(changed_at) AS at FROM entries GROUP BY ALL)"
    " SELECT a.to_stage_id, b.to_stage_id, count(DISTINCT a.deal_id), median(epoch(b.at) - epoch(a.at))"
    " FROM f a LEFT JOIN f b ON b.deal_id = a.deal_id AND b.at > a.at WHERE a.at {window} GROUP BY ALL",
    "stage-age": "WITH s AS (SELECT to_stage_id, epoch(lead(changed_at) OVER (PARTITION BY deal_id ORDER BY version))"
    " - epoch(changed_at) AS stay FROM entries) SELECT to_stage_id, count(stay), avg(stay), median(stay),"
    " quantile_cont(stay, 0.9) FROM s GROUP BY ALL",
    "win-rate": "SELECT owner_id, count(*) FILTER (status = 'WON'), count(*) FILTER (status = 'LOST'), avg(amount),"
    " median(epoch(closed_at) - epoch(created_at)) FROM facts WHERE status <> 'OPEN' AND"
    " closed_at {window} GROUP BY ALL",
    "win-rate, reasons": "SELECT lost_reason, count(*) FROM facts WHERE status = 'LOST' AND closed_at {window}"
    " GROUP BY ALL ORDER BY 2 DESC",
    "velocity": "SELECT count(*) FILTER (status = 'OPEN'), count(*) FILTER (status = 'WON' AND closed_at"
    " {window}), avg(amount) FILTER (status = 'WON' AND closed_at {window}) FROM facts",
    "leaderboard": "SELECT owner_id, count(*), sum(amount) FROM facts WHERE status = 'WON' AND closed_at {window}"
    " GROUP BY ALL ORDER BY 3 DESC",
    "attainment": "SELECT owner_id, sum(amount) FILTER (status = 'WON' AND closed_at >= date_trunc('month',"
    " now()::timestamp)), sum(amount) FILTER (status = 'OPEN' AND date_trunc('month', close_date) ="
    " date_trunc('month', now()::timestamp)) FROM facts GROUP BY ALL",
    "activity-metrics": "SELECT occurred_at::date, user_id, type, count(*) FROM activities WHERE occurred_at {window}"
    " GROUP BY ALL",
    "response-times": "WITH m AS (SELECT *, lead(occurred_at) OVER (PARTITION BY thread_id ORDER BY occurred_at)"
    " AS replied_at, lead(direction) OVER (PARTITION BY thread_id ORDER BY occurred_at) AS next"
    " FROM activities WHERE type = 'EMAIL')"
    " SELECT user_id, count(*), median(epoch(replied_at) - epoch(occurred_at)) FROM m WHERE direction = 'INBOUND' AND"
    " next = 'OUTBOUND' AND occurred_at {window} GROUP BY ALL",
}
"""By report: what stands beside it. The windows are those that the benchmark asks the report for."""


async def load(dsn: str, tenant_id: UUID) -> duckdb.DuckDBPyConnection:
    """Copy one tenant's rows over; they lie in memory then, as columns."""
    reference = duckdb.connect(":memory:")
    connection = await asyncpg.connect(dsn)
    try:
        with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
            for name, query in TABLES.items():
                file = Path(folder) / f"{name}.csv"
                await connection.copy_from_query(
                    query.format(tenant=tenant_id), output=str(file), format="csv", header=True, timeout=3600
                )
                create = f"CREATE TABLE {name} AS SELECT * FROM read_csv('{file}', header = true)"  # noqa: S608 - our names
                await asyncio.to_thread(reference.execute, create)
                file.unlink()
    finally:
        await connection.close()
    return reference


def measure(reference: duckdb.DuckDBPyConnection, report: str, *, seconds: float) -> float:
    """Ask for `seconds`, at least three times; return the median in milliseconds."""
    query = QUERIES[report].replace("{window}", WINDOW)
    latencies_ms: list[float] = []
    until_s = time.perf_counter() + seconds
    while len(latencies_ms) < 3 or time.perf_counter() < until_s:
        began_s = time.perf_counter()
        reference.execute(query).fetchall()
        latencies_ms.append((time.perf_counter() - began_s) * 1000)
    return sorted(latencies_ms)[len(latencies_ms) // 2]
