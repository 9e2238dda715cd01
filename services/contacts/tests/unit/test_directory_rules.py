"""The organisation's rules, without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_contacts.directory import domain
from crm_contacts.directory.domain import (
    Colleague,
    LastAdmin,
    ManagerCycle,
    NewUser,
    User,
    UserDeactivated,
    UserEdited,
    UserEvent,
)
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.refusals import InvalidField, UnknownReference

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def make_user(role: Role = Role.REP, **fields: Any) -> User:
    new = NewUser("zoe@acme.example", "Zoë", role, manager_id=None, active=True, time_zone=None)
    return replace(domain.create_user(new_id(), new, superiors=(), now=NOW).user, **fields)


def edit(
    user: User, *superiors: Colleague, other_admins: int = 1, successor: Colleague | None = None, **changes: Any
) -> UserEvent | None:
    return domain.edit_user(
        user, changes, superiors=superiors, successor=successor, other_admins=other_admins, now=LATER
    )


def test_a_change_raises_the_version_by_one() -> None:
    user = make_user()

    event = edit(user, full_name="Zoë Okonkwo")

    assert isinstance(event, UserEdited)
    assert (event.user.version, event.user.updated_at, event.user.full_name) == (2, LATER, "Zoë Okonkwo")
    assert event.before == user


def test_what_is_as_it_was_changes_nothing() -> None:
    assert edit(make_user(), full_name="Zoë", role=Role.REP, active=True) is None


def test_the_end_of_a_users_time_is_an_event_of_its_own() -> None:
    assert isinstance(edit(make_user(), active=False, full_name="Gone"), UserDeactivated)
    assert isinstance(edit(make_user(active=False), active=True), UserEdited)
    assert isinstance(edit(make_user(active=False), full_name="Still gone"), UserEdited)


@pytest.mark.parametrize("change", [{"active": False}, {"role": Role.REP}, {"role": Role.MANAGER}])
def test_the_last_admin_stays(change: dict[str, Any]) -> None:
    admin = make_user(Role.ADMIN)

    with pytest.raises(LastAdmin):
        edit(admin, other_admins=0, **change)
    assert edit(admin, other_admins=1, **change) is not None
    assert edit(make_user(Role.ADMIN, active=False), other_admins=0, role=Role.REP) is not None


def test_a_manager_is_there_and_active() -> None:
    boss = new_id()

    assert edit(make_user(), Colleague(boss, active=True), manager_id=boss) is not None
    for superiors in ((), (Colleague(boss, active=False),), (Colleague(new_id(), active=True),)):
        with pytest.raises(UnknownReference):
            edit(make_user(), *superiors, manager_id=boss)


def test_nobody_is_their_own_manager_at_any_distance() -> None:
    user, report = make_user(), new_id()

    with pytest.raises(ManagerCycle):
        edit(user, Colleague(user.id, active=True), manager_id=user.id)
    with pytest.raises(ManagerCycle):
        edit(user, Colleague(report, active=True), Colleague(user.id, active=True), manager_id=report)


def test_a_manager_who_left_is_no_reason_to_refuse_another_change() -> None:
    boss = new_id()
    user = make_user(manager_id=boss)

    assert edit(user, Colleague(boss, active=False), manager_id=boss, full_name="Zoë O.") is not None


def test_who_leaves_may_have_a_successor_and_who_comes_back_has_none() -> None:
    successor = Colleague(new_id(), active=True)

    left = edit(make_user(), successor=successor, active=False, successor_id=successor.id)
    assert isinstance(left, UserDeactivated)
    assert left.user.successor_id == successor.id
    other = Colleague(new_id(), active=True)
    changed = edit(left.user, successor=other, successor_id=other.id)
    assert isinstance(changed, UserEdited)
    assert changed.user.successor_id == other.id
    back = edit(left.user, active=True)
    assert isinstance(back, UserEdited)
    assert (back.user.active, back.user.successor_id) == (True, None)


def test_a_successor_is_another_and_active_and_follows_nobody_who_stays() -> None:
    user, colleague = make_user(), Colleague(new_id(), active=True)

    with pytest.raises(InvalidField):
        edit(user, successor=colleague, successor_id=colleague.id)
    with pytest.raises(InvalidField):
        edit(replace(user, active=False), successor=colleague, successor_id=colleague.id, active=True)
    with pytest.raises(InvalidField):
        edit(user, successor=Colleague(user.id, active=True), successor_id=user.id, active=False)
    for nobody in (None, replace(colleague, active=False)):
        with pytest.raises(UnknownReference):
            edit(user, successor=nobody, successor_id=colleague.id, active=False)
    # A successor who has left since is no reason to refuse another change.
    gone = replace(user, active=False, successor_id=colleague.id)
    assert edit(gone, successor=replace(colleague, active=False), successor_id=colleague.id, full_name="Z") is not None
