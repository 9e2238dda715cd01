"""What is asked about many messages at once costs what they are, of a tenant that statistics know nothing of too."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest

from crm_activities.settings import ActivitiesSettings
from crm_activities.threads import repository
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.query_plans import explain, list_nodes
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

MESSAGES: Final = 300
AT_MOST: Final = 10
"""How often a statement may touch each activity. Each for each link is 300 and more."""


def count_touched(plan: Mapping[str, Any]) -> int:
    """Count the rows that reads and joins gave and threw away, each time they ran."""
    return sum(
        int(
            node["Actual Loops"]
            * (
                node["Actual Rows"] * ("Relation Name" in node)
                + sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Join Filter"))
            )
        )
        for node in list_nodes(plan)
        if node.get("Relation Name") == "activities" or "Join" in node["Node Type"] or "Loop" in node["Node Type"]
    )


async def test_no_activity_is_held_against_each_message(
    service: ServiceKit[ActivitiesSettings], tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    """Of these e-mails each names the one before."""
    items = [
        {"type": "EMAIL", "message_id": f"{n}@plans.example", "reference_ids": [f"{n - 1}@plans.example"] if n else []}
        for n in range(MESSAGES)
    ]
    require_ok(await rep.post("/v1/activities/batch", json={"mode": "create", "items": items}), 207)
    async with service.database.read_as_worker() as connection:
        rows = await connection.fetch(
            "SELECT key, activity_id FROM thread_links WHERE tenant_id = $1 AND position = 0", tenant.id
        )
        keys, ids = [row["key"] for row in rows], [row["activity_id"] for row in rows]
        thread_id = await connection.fetchval("SELECT thread_id FROM activities WHERE id = $1", ids[0])
        asked: dict[str, tuple[Any, ...]] = {
            repository.FIND_KNOWN: (keys,),
            repository.FIND_TOUCHED: ([], [], keys),
            repository.FIND_FALLING_BACK: (keys,),
            repository.FIND_HELD: (keys, [tenant.rep.id]),
            repository.FIND_UNIQUE_OWNERS: (ids, keys[1:] + keys[:1], [tenant.rep.id] * MESSAGES),
            repository.LOAD_THREADS: ([thread_id], []),
        }
        for sql, parameters in asked.items():
            plan = await explain(connection, sql, tenant.id, *parameters, analyzed=True)
            assert count_touched(plan) < AT_MOST * MESSAGES, sql
    assert len(keys) == MESSAGES
