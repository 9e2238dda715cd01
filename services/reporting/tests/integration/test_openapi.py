"""The OpenAPI document and the running service say the same, whatever is sent."""

from decimal import Decimal
from typing import Any

import pytest

from crm_reporting.consumers import project_deals
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.openapi_calls import call_all
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_answers_are_as_documented(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    deal = DealStory(pipeline, tenant.rep.id, Decimal("12.50"))
    deal.create()
    deal.move("Closed Won")
    await project_deals(list(deal.events), reporting.database)
    body = {"user_id": str(tenant.rep.id), "month": "2026-10", "amount": "12500"}
    quota = require_ok(await reporting.client(tenant.admin).put("/v1/quotas", json=body))
    stage_ids = [str(pipeline.stage(name).id) for name in ("Qualification", "Proposal", "Closed Won")]
    known: dict[str, list[Any]] = {
        "pipeline_id": [str(pipeline.id)],
        "owner_id": [[str(tenant.rep.id)]],
        "user_id": [str(tenant.rep.id)],
        "month": ["2026-11"],
        "amount": ["12500"],
        "quota_id": [quota["id"]],
        "currency": ["USD"],
        "effective_on": ["2026-01-01"],
        "rate": ["1.25"],
        "time_zone": ["Europe/Berlin"],
        "bucket": ["won", "fx"],
        "from_stage": stage_ids,
        "to_stage": stage_ids,
    }

    findings = await call_all(reporting.client(tenant.admin), reporting.app.openapi(), known)

    findings.require_clean(may_be_away=["GET /v1/freshness"])
