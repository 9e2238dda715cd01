"""The organisation's rules, without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_contacts.directory import domain
from crm_contacts.directory.domain import (
    LastAdmin,
    ManagerCycle,
    NewUser,
    Superior,
    User,
    UserDeactivated,
    UserEdited,
    UserEvent,
)
from crm_shared.clock import new_id
from crm_shared.contracts.states import Role
from crm_shared.refusals import UnknownReference

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def make_user(role: Role = "REP", **fields: Any) -> User:
    new = NewUser("zoe@acme.example", "Zoë", role, manager_id=None, active=True, time_zone=None)
    return replace(domain.create_user(new_id(), new, superiors=(), now=NOW).user, **fields)


def edit(user: User, *superiors: Superior, other_admins: int = 1, **changes: Any) -> UserEvent | None:
    return domain.edit_user(user, changes, superiors=superiors, other_admins=other_admins, now=LATER)


def test_a_change_raises_the_version_by_one() -> None:
    user = make_user()

    event = edit(user, full_name="Zoë Okonkwo")

    assert isinstance(event, UserEdited)
    assert (event.user.version, event.user.updated_at, event.user.full_name) == (2, LATER, "Zoë Okonkwo")
    assert event.before == user


def test_what_is_as_it_was_changes_nothing() -> None:
    assert edit(make_user(), full_name="Zoë", role="REP", active=True) is None


def test_the_end_of_a_users_time_is_an_event_of_its_own() -> None:
    assert isinstance(edit(make_user(), active=False, full_name="Gone"), UserDeactivated)
    assert isinstance(edit(make_user(active=False), active=True), UserEdited)
    assert isinstance(edit(make_user(active=False), full_name="Still gone"), UserEdited)


@pytest.mark.parametrize("change", [{"active": False}, {"role": "REP"}, {"role": "MANAGER"}])
def test_the_last_admin_stays(change: dict[str, Any]) -> None:
    admin = make_user("ADMIN")

    with pytest.raises(LastAdmin):
        edit(admin, other_admins=0, **change)
    assert edit(admin, other_admins=1, **change) is not None
    assert edit(make_user("ADMIN", active=False), other_admins=0, role="REP") is not None


def test_a_manager_is_there_and_active() -> None:
    boss = new_id()

    assert edit(make_user(), Superior(boss, active=True), manager_id=boss) is not None
    for superiors in ((), (Superior(boss, active=False),), (Superior(new_id(), active=True),)):
        with pytest.raises(UnknownReference):
            edit(make_user(), *superiors, manager_id=boss)


def test_nobody_is_their_own_manager_at_any_distance() -> None:
    user, report = make_user(), new_id()

    with pytest.raises(ManagerCycle):
        edit(user, Superior(user.id, active=True), manager_id=user.id)
    with pytest.raises(ManagerCycle):
        edit(user, Superior(report, active=True), Superior(user.id, active=True), manager_id=report)


def test_a_manager_who_left_is_no_reason_to_refuse_another_change() -> None:
    boss = new_id()
    user = make_user(manager_id=boss)

    assert edit(user, Superior(boss, active=False), manager_id=boss, full_name="Zoë O.") is not None
