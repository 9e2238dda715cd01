"""A snapshot tells of every past value: folded up, its `value_history` is the state of each event that was sent."""

from collections.abc import Sequence
from typing import Any

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals.snapshots import SOURCES
from crm_shared.contracts import Event
from crm_shared.contracts.dated_values import DealValueEntry, PipelineValueEntry, dated_fields
from crm_shared.snapshots.sources import list_snapshots
from crm_testing.answers import require_ok
from crm_testing.published import to_event

pytestmark = pytest.mark.engines

FIELDS = dated_fields("deal")


async def take_snapshots(sales: Sales) -> dict[str, Event]:
    events = [
        event async for event in list_snapshots(sales.kit.database, SOURCES) if event.tenant_id == sales.tenant.id
    ]
    return {str(event.aggregate_id): to_event(event) for event in events}


def fold(snapshot: Event) -> dict[int, dict[str, Any]]:
    """Return all dated values by the version that changed some."""
    states: dict[int, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for entry in snapshot.value_history or []:
        values = {**values, **entry["values"]}
        states[entry["version"]] = values
    return states


def pick(state: dict[str, Any], names: Sequence[str] = FIELDS) -> dict[str, Any]:
    return {name: state[name] for name in names}


async def test_a_deals_values_fold_up_to_what_each_event_told(sales: Sales) -> None:
    deal = await sales.create(amount="5", close_date="2026-12-15")
    url = f"/v1/deals/{deal['id']}"
    for changes in ({"amount": "7.50"}, {"name": "Acme"}, {"currency": "USD", "close_date": None}):
        deal = require_ok(await sales.rep.patch(url, json=changes))
    deal = await sales.move(deal, "Closed Won")
    deal = await sales.move(deal, "Proposal")
    assert (await sales.rep.delete(url)).status_code == 204
    deal = require_ok(await sales.rep.post(f"{url}/restore"))
    deal = require_ok(await sales.rep.patch(url, json={"amount": None}))
    events = await sales.kit.take_events(sales.tenant.id)
    published = {event.version: event for event in events if str(event.aggregate_id) == deal["id"]}

    snapshot = (await take_snapshots(sales))[deal["id"]]

    folded = fold(snapshot)
    assert {version: pick(published[version].state) for version in folded} == folded
    assert set(published) - set(folded) == {3}  # the new name
    entries = snapshot.read_value_history(DealValueEntry)
    assert [(entry.version, entry.changed_at) for entry in entries] == [
        (version, published[version].occurred_at) for version in sorted(folded)
    ]
    assert entries[1].values.model_fields_set == {"amount"}
    assert folded[max(folded)] == pick(snapshot.state)


async def test_a_pipelines_stages_are_told_as_each_version_had_them(sales: Sales) -> None:
    url = f"/v1/pipelines/{sales.pipeline_id}"
    stage_id = sales.stages["Discovery"]
    require_ok(await sales.admin.patch(f"{url}/stages/{stage_id}", json={"win_probability": 33, "name": "Needs"}))
    require_ok(await sales.admin.patch(url, json={"name": "Field sales"}))
    order = [*sales.stages.values()]
    order[0], order[1] = order[1], order[0]
    require_ok(await sales.admin.put(f"{url}/stages/order", json={"stage_ids": order}))

    snapshot = (await take_snapshots(sales))[str(sales.pipeline_id)]

    entries = snapshot.read_value_history(PipelineValueEntry)
    assert [entry.version for entry in entries] == [1, 2, 4]
    chances = [{stage.name: stage.win_probability for stage in entry.values.stages} for entry in entries]
    assert (chances[0]["Discovery"], chances[1]["Needs"]) == (25, 33)
    assert [stage.name for stage in entries[2].values.stages][:2] == ["Needs", "Qualification"]
    assert (snapshot.value_history or [])[-1]["values"]["stages"] == snapshot.state["stages"]
