"""The directory replica and whose records a MANAGER sees, whatever order org changes come in."""

import asyncio
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared.access import Caller, Permission, Role
from crm_shared.access.directory import Directory, apply_directory_events, list_visible_owners
from crm_shared.clock import new_id
from crm_shared.contracts import Event, new_event
from crm_shared.database import Database
from crm_shared.refusals import Forbidden
from crm_testing.published import to_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Things = ServiceKit[ThingsSettings]


class Org:
    """A tenant whose users change; each change is an event with the next version."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant_id = new_id()
        self.versions: dict[UUID, int] = {}
        self.people: dict[UUID, dict[str, Any]] = {}

    def _publish(self, aggregate: str, record_id: UUID, fields: dict[str, Any]) -> Event:
        version = self.versions[record_id] = self.versions.get(record_id, 0) + 1
        state = {"id": record_id, "version": version, "created_at": AT, "updated_at": AT, **fields}
        return to_event(
            new_event(
                aggregate=aggregate,
                aggregate_id=record_id,
                verb="created" if version == 1 else "updated",
                version=version,
                tenant_id=self.tenant_id,
                occurred_at=AT,
                state=state,
                changed=None,
                actor_id=None,
            )
        )

    def tenant(self, scope: str = "DIRECT") -> Event:
        fields = {"name": "T", "base_currency": "EUR", "time_zone": "UTC", "manager_scope": scope}
        return self._publish("tenant", self.tenant_id, fields)

    def user(self, user_id: UUID, **changes: Any) -> Event:
        usual = {"email": "a@b.example", "full_name": "A", "role": "REP", "manager_id": None, "active": True}
        self.people[user_id] = {**self.people.get(user_id, usual), **changes}
        return self._publish("user", user_id, self.people[user_id])

    async def apply(self, *events: Event) -> None:
        async with self.database.begin_as_worker() as transaction:
            await apply_directory_events(transaction, events)

    async def seen(self) -> set[tuple[UUID, UUID]]:
        async with self.database.read_as_worker() as connection:
            rows = await connection.fetch(
                "SELECT viewer_id, owner_id FROM visible_owners WHERE tenant_id = $1", self.tenant_id
            )
        return {(row["viewer_id"], row["owner_id"]) for row in rows}


@pytest.fixture
def org(things: Things) -> Org:
    return Org(things.database)


async def test_promotion_move_demotion_and_deactivation_show_at_once(org: Org) -> None:
    top, lead, rep = new_id(), new_id(), new_id()
    await org.apply(org.tenant(), org.user(top, role="MANAGER"), org.user(lead, manager_id=top))
    await org.apply(org.user(rep, manager_id=lead))
    assert await org.seen() == {(top, lead)}
    await org.apply(org.user(lead, role="MANAGER"))
    assert await org.seen() == {(top, lead), (lead, rep)}
    await org.apply(org.user(rep, manager_id=top))
    assert await org.seen() == {(top, lead), (top, rep)}
    await org.apply(org.user(rep, active=False))  # what a leaver owned stays in the manager's sight
    assert await org.seen() == {(top, lead), (top, rep)}
    await org.apply(org.user(top, active=False))
    assert await org.seen() == set()
    await org.apply(org.user(top, active=True), org.user(top, role="ADMIN"))
    assert await org.seen() == set()


async def test_the_scope_decides_how_deep_a_manager_sees(org: Org) -> None:
    top, lead, rep = new_id(), new_id(), new_id()
    users = [
        org.user(top, role="MANAGER"),
        org.user(lead, role="MANAGER", manager_id=top),
        org.user(rep, manager_id=lead),
    ]
    await org.apply(org.tenant(), *users)
    assert await org.seen() == {(top, lead), (lead, rep)}
    await org.apply(org.tenant("SUBTREE"))
    assert await org.seen() == {(top, lead), (lead, rep), (top, rep)}
    await org.apply(org.user(lead, active=False))
    assert await org.seen() == {(top, lead), (top, rep)}
    await org.apply(org.tenant("DIRECT"))
    assert await org.seen() == {(top, lead)}


async def test_a_cycle_ends(org: Org) -> None:
    one, two, three = new_id(), new_id(), new_id()
    circle = ((one, two), (two, three), (three, one))
    users = [org.user(user, role="MANAGER", manager_id=manager) for user, manager in circle]
    await asyncio.wait_for(org.apply(org.tenant("SUBTREE"), *users), timeout=10)
    assert await org.seen() == {(viewer, owner) for viewer in (one, two, three) for owner in (one, two, three)} - {
        (user, user) for user in (one, two, three)
    }


async def test_every_order_of_arrival_ends_alike(things: Things) -> None:
    for order in permutations(range(4)):
        org, boss, rep = Org(things.database), new_id(), new_id()
        events = [org.tenant("SUBTREE"), org.user(boss), org.user(boss, role="MANAGER"), org.user(rep, manager_id=boss)]
        for position in order:
            await org.apply(events[position])
        assert await org.seen() == {(boss, rep)}, order


async def test_an_older_state_never_comes_back(org: Org, things: Things) -> None:
    user = new_id()
    hired, fired = org.user(user), org.user(user, active=False)
    await org.apply(org.tenant())
    for events in ([fired], [hired], [hired, fired], [fired, hired]):
        await org.apply(*events)
        assert await Directory(things.database, cache_s=0).find_caller(org.tenant_id, user, "t") == (None, True)


async def test_two_org_changes_at_once_see_each_other(org: Org) -> None:
    """Each alone makes nobody visible; committed at once by two workers, both must count."""
    boss, rep = new_id(), new_id()
    await org.apply(org.tenant(), org.user(boss), org.user(rep))
    promoted, placed = org.user(boss, role="MANAGER"), org.user(rep, manager_id=boss)
    first = await org.database.open_transaction(None)
    await apply_directory_events(first, [promoted])
    second = asyncio.create_task(org.apply(placed))
    await asyncio.sleep(0.2)
    assert not second.done()
    await first.commit()
    await second
    assert await org.seen() == {(boss, rep)}


async def test_one_tenants_change_leaves_others_rows_alone(things: Things) -> None:
    here, there = Org(things.database), Org(things.database)
    for org in (here, there):
        boss = new_id()
        await org.apply(org.tenant(), org.user(boss, role="MANAGER"), org.user(new_id(), manager_id=boss))
    before = await there.seen()
    await here.apply(*(here.user(user, role="REP") for user in here.people))
    assert (await here.seen(), await there.seen()) == (set(), before)


async def test_what_each_role_sees(org: Org, things: Things) -> None:
    boss, rep = new_id(), new_id()
    await org.apply(org.tenant(), org.user(boss, role="MANAGER"), org.user(rep, manager_id=boss))

    def caller(user_id: UUID, role: Role) -> Caller:
        return Caller(org.tenant_id, user_id, role, "EUR", "UTC", token="secret-token")

    async with things.database.read_as_worker() as connection:
        assert await list_visible_owners(connection, caller(boss, Role.ADMIN)) is None
        assert await list_visible_owners(connection, caller(boss, Role.MANAGER)) == [boss, rep]
        assert await list_visible_owners(connection, caller(rep, Role.REP)) == [rep]
    assert "secret-token" not in repr(caller(boss, Role.REP))
    with pytest.raises(Forbidden):
        caller(boss, Role.MANAGER).require(Permission.WRITE_USERS)


async def test_a_caller_is_remembered_no_longer_than_said(org: Org, things: Things) -> None:
    user = new_id()
    await org.apply(org.tenant(), org.user(user))
    directory = Directory(things.database, cache_s=0.2)
    found, _ = await directory.find_caller(org.tenant_id, user, "t")
    assert found is not None
    await org.apply(org.user(user, active=False))
    assert (await directory.find_caller(org.tenant_id, user, "t"))[0] == found
    another, _ = await directory.find_caller(org.tenant_id, user, "another")
    assert another is not None
    assert another.token == "another"  # what is remembered is the user, not the token they came with
    await asyncio.sleep(0.25)
    assert await directory.find_caller(org.tenant_id, user, "t") == (None, True)


async def test_who_is_unknown_is_told_from_who_is_deactivated(org: Org, things: Things) -> None:
    directory, user = Directory(things.database, cache_s=60), new_id()
    assert await directory.find_caller(org.tenant_id, user, "t") == (None, False)
    await org.apply(org.user(user))  # the user's event before the tenant's: not known well enough yet
    assert await directory.find_caller(org.tenant_id, user, "t") == (None, False)
    await org.apply(org.tenant())
    assert (await directory.find_caller(org.tenant_id, user, "t"))[0] is not None
    other = Org(things.database)
    await other.apply(other.tenant())
    assert await directory.find_caller(other.tenant_id, user, "t") == (None, False)
