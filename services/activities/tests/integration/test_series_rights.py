"""Who may change a series: whose instances one sees, has been given, or took over from a leaver."""

import httpx
import pytest
from services.activities.tests.integration.series_stories import PATH, SeriesStory, starts_of

from crm_activities.consumers import hand_over, keep_directory, keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant, publish_user
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


@pytest.fixture
def story(service: Kit, rep: httpx.AsyncClient) -> SeriesStory:
    return SeriesStory.of(service, rep)


async def test_what_others_were_given_stays_theirs(story: SeriesStory, service: Kit, tenant: SeededTenant) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=6")
    manager = service.client(tenant.manager)
    given = require_ok(await manager.patch(f"{PATH}/{before[4]['id']}", json={"user_id": str(tenant.manager.id)}))
    edited = await story.edit(before[2], "future", subject="New")
    await story.make()
    assert require_ok(await manager.get(f"{PATH}/{given['id']}")) == given
    assert starts_of(await story.read(edited["series_id"])) == [starts_of(before)[number] for number in (2, 3, 5)]
    for scope in ("this", "future"):
        path = f"{PATH}/{given['id']}"
        answer = await story.client.patch(path, params={"scope": scope}, json={"subject": "mine"})
        require_problem(answer, 404, "not-found")


async def test_seeing_a_series_is_not_owning_it(story: SeriesStory, service: Kit, tenant: SeededTenant) -> None:
    contact = make_contact_event(tenant.id, tenant.other_rep.id)
    await keep_replicas([contact], service.database)
    admin = SeriesStory(service, service.client(tenant.admin), story.clock)
    before = await admin.begin("FREQ=DAILY;COUNT=4", contact_id=str(contact.aggregate_id))
    seeing = service.client(tenant.other_rep)
    for scope in ("this", "future"):
        path, params = f"{PATH}/{before[1]['id']}", {"scope": scope}
        require_problem(await seeing.patch(path, params=params, json={"subject": "x"}), 403, "forbidden")
        require_problem(await seeing.delete(path, params=params), 403, "forbidden")
    assert await admin.read(before[0]["series_id"]) == before


@pytest.mark.parametrize("rrule", ["FREQ=WEEKLY", "FREQ=DAILY;COUNT=5"])
async def test_who_was_given_one_instance_has_no_say_in_the_others(
    story: SeriesStory, service: Kit, tenant: SeededTenant, rrule: str
) -> None:
    before = await story.begin(rrule)
    admin, given = service.client(tenant.admin), service.client(tenant.other_rep)
    path, to_other = f"{PATH}/{before[2]['id']}", {"user_id": str(tenant.other_rep.id)}
    require_ok(await admin.patch(path, json=to_other))
    series = await story.load_series(before[0]["series_id"])
    future = {"scope": "future"}
    require_problem(await given.patch(path, params=future, json={"subject": "x"}), 403, "forbidden")
    require_problem(await given.patch(path, params=future, json={"recurrence": None}), 403, "forbidden")
    require_problem(await given.delete(path, params=future), 403, "forbidden")
    assert await story.load_series(before[0]["series_id"]) == series
    seen = [one for one in before if one != before[2]]
    assert await story.read(before[0]["series_id"]) == seen
    assert require_ok(await given.patch(path, json={"subject": "mine"}))["subject"] == "mine"
    other = f"{PATH}/{before[3]['id']}"
    require_problem(await given.delete(other, params=future), 404, "not-found")
    for subject, client in {"team": service.client(tenant.manager), "all": admin}.items():
        require_ok(await client.patch(other, params=future, json={"subject": subject}))
    require_ok(await story.client.patch(f"{PATH}/{before[1]['id']}", params=future, json={"subject": "ours"}))


async def test_whoever_took_over_an_ended_series_may_change_what_follows(
    story: SeriesStory, service: Kit, tenant: SeededTenant
) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=5")
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, successor_id=tenant.other_rep.id)
    await keep_directory([left], service.database)
    for _ in range(2):
        await hand_over([left], service.database, SystemClock())
    successor = SeriesStory(service, service.client(tenant.other_rep), story.clock)
    await successor.edit(before[3], "future", subject="New")
    await successor.delete(before[1], "future")


async def test_out_of_sight_nothing_is_waited_for(story: SeriesStory, service: Kit, tenant: SeededTenant) -> None:
    before = await story.begin("FREQ=DAILY;COUNT=4")
    stranger = service.client(tenant.other_rep)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute("SELECT 1 FROM activity_series WHERE id = $1 FOR UPDATE", before[0]["series_id"])
        path, params = f"{PATH}/{before[1]['id']}", {"scope": "future"}
        require_problem(await stranger.delete(path, params=params), 404, "not-found")
        require_problem(await stranger.patch(path, params=params, json={"subject": "x"}), 404, "not-found")
