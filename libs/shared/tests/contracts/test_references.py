"""One reference read from a state, without checking the rest of it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from crm_shared.contracts import BadRecord, Event

SOME_ID = UUID("0195a5f0-0000-7000-8000-0000000000aa")
EVENT = Event(uuid4(), "crm.deal.updated", uuid4(), "deal", uuid4(), 2, datetime.now(UTC), state={})


def test_a_reference_is_given_as_uuid_or_none() -> None:
    contact_id = uuid4()
    assert replace(EVENT, state={"contact_id": str(contact_id)}).read_uuid("contact_id") == contact_id
    assert replace(EVENT, state={"contact_id": None}).read_uuid("contact_id") is None
    assert EVENT.read_uuid("contact_id") is None


@pytest.mark.parametrize("value", [7, "", "x", True, [], {}, str(SOME_ID).upper(), f"{{{SOME_ID}}}"])
def test_what_is_no_uuid_is_a_bad_record(value: object) -> None:
    with pytest.raises(BadRecord, match="contact_id"):
        replace(EVENT, state={"contact_id": value}).read_uuid("contact_id")
