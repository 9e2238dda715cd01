"""The OpenAPI document and the running service say the same, whatever is sent."""

from typing import Any

import pytest
from services.search.tests.integration.conftest import Publish

from crm_search.settings import SearchSettings
from crm_testing.openapi_calls import call_all
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_answers_are_as_documented(
    search: ServiceKit[SearchSettings], tenant: SeededTenant, publish: Publish
) -> None:
    story = SearchStory(tenant)
    company = story.add("company", "company", name="Quist Foundry")
    story.add("contact", "contact", first_name="Zoë", last_name="Quist", phone="030 901820", company_id=company.id)
    story.add("activity", "activity", subject="Call Quist", body="about the renewal")
    await publish(*story.events())
    known: dict[str, list[Any]] = {
        "q": ["quist", "zoe qu", "901820", "Qiust", "<em>"],
        "owner_id": [[str(tenant.rep.id)], [str(tenant.admin.id)]],
        "limit": [1, 20],
    }

    findings = await call_all(search.client(tenant.admin), search.app.openapi(), known)

    findings.require_clean()
