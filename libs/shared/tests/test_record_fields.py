"""A record's values by field, read and replaced."""

from dataclasses import dataclass, replace

from crm_shared.record_fields import FieldReader


@dataclass(frozen=True, slots=True)
class Call:
    subject: str
    duration_s: int
    tags: tuple[str, ...] = ()


READER = FieldReader(Call)
CALL = Call("Renewal", 90, ("hot",))


def test_values_are_read_as_they_are() -> None:
    assert READER.read(CALL) == {"subject": "Renewal", "duration_s": 90, "tags": ("hot",)}
    assert READER.read(CALL)["tags"] is CALL.tags


def test_a_row_is_read_in_the_order_of_the_fields_and_what_else_it_has_is_left() -> None:
    row = {"tenant_id": 1, "tags": ("hot",), "duration_s": 90, "subject": "Renewal"}
    assert Call(*READER.read_row(row)) == CALL


def test_a_copy_has_other_values_and_the_record_its_own() -> None:
    copy = READER.replace(CALL, subject="Offer", tags=())
    assert copy == replace(CALL, subject="Offer", tags=())
    assert Call("Renewal", 90, ("hot",)) == CALL
