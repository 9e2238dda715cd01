"""A change of contact held against the merges: what is refused, and what is no change."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from crm_shared.features.replicas.canonical import resolve_contact_change
from crm_shared.refusals import UnknownReference


@dataclass(frozen=True)
class Record:
    contact_id: UUID | None
    original_contact_id: UUID | None = None


MERGED, SURVIVOR, THIRD = uuid4(), uuid4(), uuid4()


def test_a_living_contact_and_none_are_taken() -> None:
    record = Record(SURVIVOR, MERGED)
    assert resolve_contact_change({"contact_id": THIRD}, THIRD, record) == {"contact_id": THIRD}
    assert resolve_contact_change({"contact_id": None}, None, record) == {"contact_id": None}
    assert resolve_contact_change({"name": "Acme"}, None, record) == {"name": "Acme"}


@pytest.mark.parametrize("record", [Record(MERGED), Record(SURVIVOR, MERGED)], ids=["before it moved", "after"])
def test_to_name_the_contact_that_a_record_was_given_to_is_no_change(record: Record) -> None:
    assert resolve_contact_change({"contact_id": MERGED, "name": "Acme"}, SURVIVOR, record) == {"name": "Acme"}


def test_another_contact_that_was_merged_is_refused() -> None:
    with pytest.raises(UnknownReference) as refused:
        resolve_contact_change({"contact_id": MERGED}, SURVIVOR, Record(THIRD))
    assert [error.pointer for error in refused.value.errors] == ["/contact_id"]
