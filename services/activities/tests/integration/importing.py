"""Imports of activities, as tests begin them and carry them out."""

import csv
import io
from typing import Any

from crm_activities import consumers
from crm_activities.imports.adapters import ADAPTERS
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import new_id
from crm_testing import importing
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

Kit = ServiceKit[ActivitiesSettings]
EXPORT = "/v1/exports/activities.csv"


async def run(kit: Kit, person: Person, content: str | bytes, **fields: Any) -> dict[str, Any]:
    return await importing.run_import(kit, ADAPTERS, person, content, entity_type="ACTIVITY", **fields)


async def read_errors(kit: Kit, person: Person, job: dict[str, Any]) -> list[dict[str, str]]:
    answer = await kit.client(person).get(f"/v1/imports/{job['id']}/errors.csv")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def list_activities(kit: Kit, person: Person, **filters: Any) -> list[dict[str, Any]]:
    """Return what a person sees, oldest first."""
    query = {"limit": 200, "sort": "created_at", **filters}
    items: list[dict[str, Any]] = require_ok(await kit.client(person).get("/v1/activities", params=query))["items"]
    return items


async def know(kit: Kit, tenant: SeededTenant, aggregate: str = "contact", **fields: Any) -> PublishedRecord:
    """Let the replica hear of a record, the REP's unless it is said whose."""
    place = {"pipeline_id": new_id(), "stage_id": new_id(), "closed_at": None} if aggregate == "deal" else {}
    published = PublishedRecord.new(aggregate, tenant.id, **{"owner_id": tenant.rep.id, **place, **fields})
    await consumers.keep_replicas([published.publish()], kit.database)
    return published
