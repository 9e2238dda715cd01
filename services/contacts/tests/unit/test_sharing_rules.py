"""Shares as values: what sharing and unsharing make of a contact, and what each right covers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from crm_contacts.contacts import domain
from crm_contacts.contacts.domain import Contact, NewContact
from crm_contacts.contacts.rights import Right, find_right, require_right
from crm_contacts.sharing.rules import MAX_SHARES, ShareNotFound, find_share, share, unshare
from crm_shared.clock import new_id
from crm_shared.refusals import Forbidden, InvalidField

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OWNER, BOSS, FRIEND = new_id(), new_id(), new_id()


@pytest.fixture
def contact() -> Contact:
    return domain.create(new_id(), NewContact(first_name="Zoë", owner_id=OWNER), now=NOW).contact


def shared(contact: Contact, *users: UUID) -> Contact:
    for user in users:
        event = share(contact, user, "READ", by=OWNER, now=NOW)
        assert event is not None
        contact = event.contact
    return contact


def test_a_new_share_raises_the_version_by_one_and_says_by_whom(contact: Contact) -> None:
    event = share(contact, FRIEND, "READ", by=BOSS, now=LATER)
    assert event is not None
    assert (event.contact.version, event.contact.updated_at, event.before) == (2, LATER, contact)
    made = {"user_id": FRIEND, "permission": "READ", "created_at": LATER, "created_by": BOSS}
    assert list(event.contact.shares) == [made]


def test_another_permission_keeps_the_place_and_the_date(contact: Contact) -> None:
    before = shared(contact, FRIEND, BOSS)
    event = share(before, FRIEND, "WRITE", by=OWNER, now=LATER)
    assert event is not None
    assert [(one["user_id"], one["permission"]) for one in event.contact.shares] == [(FRIEND, "WRITE"), (BOSS, "READ")]
    assert event.contact.shares[0]["created_at"] == NOW


def test_the_same_share_again_is_no_event(contact: Contact) -> None:
    assert share(shared(contact, FRIEND), FRIEND, "READ", by=OWNER, now=LATER) is None


@pytest.mark.parametrize(("user", "by"), [(OWNER, BOSS), (OWNER, OWNER), (BOSS, BOSS)])
def test_neither_the_owner_nor_oneself_is_shared_with(contact: Contact, user: UUID, by: UUID) -> None:
    with pytest.raises(InvalidField) as refused:
        share(contact, user, "READ", by=by, now=NOW)
    assert [problem.pointer for problem in refused.value.errors] == ["/user_id"]


def test_there_is_an_end_to_shares_but_not_to_changing_them(contact: Contact) -> None:
    full = shared(contact, *(new_id() for _ in range(MAX_SHARES)))
    with pytest.raises(InvalidField, match="200 shares at most"):
        share(full, FRIEND, "READ", by=OWNER, now=NOW)
    assert share(full, full.shares[0]["user_id"], "WRITE", by=OWNER, now=NOW) is not None


def test_a_share_as_stored_is_found_by_its_text(contact: Contact) -> None:
    stored = replace(contact, shares=[{"user_id": str(FRIEND), "permission": "WRITE"}])
    assert find_share(stored.shares, FRIEND) is not None
    assert unshare(stored, FRIEND, now=LATER).contact.shares == []


def test_what_is_not_shared_can_not_be_taken_away(contact: Contact) -> None:
    with pytest.raises(ShareNotFound):
        unshare(shared(contact, BOSS), FRIEND, now=NOW)


def test_a_new_owner_loses_their_share_and_others_keep_theirs(contact: Contact) -> None:
    event = domain.edit(shared(contact, FRIEND, BOSS), {"owner_id": FRIEND}, now=LATER)
    assert event is not None
    assert [one["user_id"] for one in event.contact.shares] == [BOSS]
    assert event.contact.version == 4


def test_an_edit_leaves_shares_as_they_are(contact: Contact) -> None:
    before = shared(contact, FRIEND)
    event = domain.edit(before, {"job_title": "Buyer"}, now=LATER)
    assert event is not None
    assert event.contact.shares is before.shares


@pytest.mark.parametrize(("held", "needed"), list(product(Right, Right)))
def test_each_right_holds_what_the_one_before_it_does(held: Right, needed: Right) -> None:
    order = [Right.READ, Right.WRITE, Right.GOVERN]
    if order.index(held) >= order.index(needed):
        require_right(held, needed)
    else:
        with pytest.raises(Forbidden):
            require_right(held, needed)


def test_owning_beats_a_share_and_nothing_is_nothing() -> None:
    shares = [{"user_id": str(FRIEND), "permission": "READ"}]
    assert find_right(shares, FRIEND, governs=True) is Right.GOVERN
    assert find_right(shares, FRIEND, governs=False) is Right.READ
    assert find_right(shares, BOSS, governs=False) is None
