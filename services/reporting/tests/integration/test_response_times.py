"""GET /v1/reports/response-times: what counts as the reply, blocks, windows, what waits, and for whom."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_reporting.consumers import keep_activities
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_shared.testing.answers import require_ok
from crm_shared.testing.people import Person, SeededTenant
from crm_shared.testing.service_kit import ServiceKit
from crm_shared.testing.told_records import ToldRecord

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/response-times"
NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


class Mailbox:
    """E-mails with one contact, logged by a tenant's `rep` unless somebody else is named."""

    def __init__(self, reporting: Reporting, tenant: SeededTenant) -> None:
        self.reporting = reporting
        self.tenant = tenant
        self.contact_id = new_id()

    async def log(self, direction: str, hours: float, thread: UUID, **fields: Any) -> UUID:
        """Log an e-mail so many hours after noon of the 10th."""
        known = {
            "type": "EMAIL",
            "direction": direction,
            "occurred_at": NOON + timedelta(hours=hours),
            "thread_id": thread,
            "user_id": self.tenant.rep.id,
            "contact_ids": [self.contact_id],
        }
        told = ToldRecord.new("activity", self.tenant.id, **{**known, **fields})
        await keep_activities([told.tell()], self.reporting.database)
        return told.id

    async def read(self, person: Person | None = None, **parameters: Any) -> list[dict[str, Any]]:
        client = self.reporting.client(person or self.tenant.admin)
        items: list[dict[str, Any]] = require_ok(await client.get(URL, params=NOVEMBER | parameters))["items"]
        return items


@pytest.fixture
async def mailbox(reporting: Reporting, tenant: SeededTenant) -> Mailbox:
    return Mailbox(reporting, tenant)


def figures(item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(item[name] for name in ("answered", "median_s", "p90_s", "unanswered"))


async def test_messages_with_one_reply_are_one_block_from_the_first(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 0, thread)
    await mailbox.log("INBOUND", 1, thread)
    await mailbox.log("OUTBOUND", 3, thread)
    await mailbox.log("OUTBOUND", 4, thread)
    await mailbox.log("INBOUND", 5, thread)
    await mailbox.log("OUTBOUND", 6, thread)
    await mailbox.log("INBOUND", 7, thread)

    [item] = await mailbox.read()

    assert figures(item) == (2, 2 * 3600.0, 2.8 * 3600, 1)  # of 3 hours and of 1
    assert item["oldest_unanswered_at"] == "2026-11-10T19:00:00Z"
