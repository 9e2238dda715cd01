"""Imports of deals, as tests run them."""

import csv
import io
from typing import Any
from uuid import UUID

from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.imports.adapters import ADAPTERS
from crm_shared.clock import new_id
from crm_testing import importing
from crm_testing.answers import require_ok
from crm_testing.people import Person
from crm_testing.published_records import make_contact_event

EXPORT = "/v1/exports/deals.csv"


async def run(sales: Sales, content: str, person: Person | None = None, **fields: Any) -> dict[str, Any]:
    who = person or sales.tenant.admin
    return await importing.run_import(sales.kit, ADAPTERS, who, content, entity_type="DEAL", **fields)


async def read_errors(sales: Sales, job: dict[str, Any]) -> list[dict[str, str]]:
    answer = await sales.admin.get(f"/v1/imports/{job['id']}/errors.csv")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def list_deals(sales: Sales) -> dict[str, dict[str, Any]]:
    items = require_ok(await sales.admin.get("/v1/deals", params={"limit": 200}))["items"]
    return {item["name"]: item for item in items}


async def know_contact(sales: Sales, **fields: Any) -> UUID:
    contact_id = new_id()
    published = make_contact_event(sales.tenant.id, sales.tenant.rep.id, contact_id=contact_id, shares=[], **fields)
    await consumers.keep_replicas([published], sales.kit.database)
    return contact_id
