"""What `restored` makes of webhooks and pipelines that others have heard of and that are not there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.pipelines.domain import to_default_id
from crm_deals.snapshots import SOURCES
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_shared.features.restoring.orphans import find_lost
from crm_testing.answers import require_ok
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

WEBHOOKS, PIPELINES, _ = SOURCES


async def publish(events: Sequence[Event]) -> AsyncIterator[list[Event]]:
    yield list(events)


async def test_nobody_is_asked_for_a_webhook_that_was_deleted(sales: Sales) -> None:
    """Its row is gone then, as it is of one that was made since."""
    body = {"url": "https://hooks.example/crm", "event_types": ["crm.deal.won"]}
    made = require_ok(await sales.admin.post("/v1/webhooks", json=body), 201)
    created = await sales.take_events()
    assert (await sales.admin.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
    deleted = await sales.take_events()
    assert (await find_lost(sales.kit.database, WEBHOOKS, publish(created))).orphans.keys() == {
        (sales.tenant.id, created[0].aggregate_id)
    }
    assert not (await find_lost(sales.kit.database, WEBHOOKS, publish([*created, *deleted]))).orphans


async def test_the_first_pipeline_of_a_tenant_is_made_again_under_its_id(sales: Sales) -> None:
    lost_tenant_id = new_id()
    published = replace(PublishedPipeline.sales(lost_tenant_id), id=to_default_id(lost_tenant_id)).publish()
    other = PublishedPipeline.sales(lost_tenant_id).publish()
    lost = await find_lost(sales.kit.database, PIPELINES, publish([published, other]))
    assert (list(lost.orphans), lost.made_again) == ([(lost_tenant_id, other.aggregate_id)], 1)


async def test_what_followed_a_merge_that_was_lost_goes_back(sales: Sales) -> None:
    rep_id = sales.tenant.rep.id
    survivor, merged = [
        PublishedRecord.new("contact", sales.tenant.id, first_name=name, owner_id=rep_id) for name in ("Zoe", "Zoey")
    ]
    await consumers.keep_replicas([survivor.publish(), merged.publish()], sales.kit.database)
    deal = await sales.create(name="Follows", contact_id=str(merged.id))
    before = merged.state
    published = merged.change(merged_into=survivor.id, deleted_at=before["updated_at"])
    await consumers.keep_replicas([published], sales.kit.database)
    path = f"/v1/deals/{deal['id']}"
    assert require_ok(await sales.admin.get(path))["contact_id"] == str(survivor.id)
    again = replace(merged, state={**before, "version": 10**12}).publish("snapshot")
    await consumers.keep_replicas([replace(again, restored_from=before["version"])], sales.kit.database)
    assert require_ok(await sales.admin.get(path))["contact_id"] == str(merged.id)
