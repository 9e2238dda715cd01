"""Values of custom fields: each type takes what it should, in one stored form, and says what is wrong with the rest."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_shared.clock import new_id
from crm_shared.features.custom_fields import Definitions, EntityType, FieldType, UnknownCustomField
from crm_shared.features.custom_fields.definitions import MAX_STORED_BYTES
from crm_shared.features.custom_fields.domain import CustomField, NewCustomField, Option, create, edit
from crm_shared.features.custom_fields.values import (
    MAX_DECIMALS,
    MAX_TEXT,
    MAX_WHOLE_DIGITS,
    from_text,
    to_stored,
    to_text,
)
from crm_shared.refusals import InvalidField
from crm_shared.text import is_seen
from crm_shared.time_window import FIRST_DAY, LAST_DAY

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPTIONS = (Option("gold", "Gold!"), Option("silver", "Silver"), Option("tin", "Tin", retired=True))


def make_field(field_type: FieldType, key: str = "it", *, required: bool = False) -> CustomField:
    return create(
        new_id(),
        NewCustomField(
            entity_type=EntityType.CONTACT,
            key=key,
            label=key,
            field_type=field_type,
            options=OPTIONS if field_type.has_options else (),
            required=required,
            indexed=False,
            used_for_matching=False,
        ),
        now=NOW,
    )


def define(*fields: CustomField) -> Definitions:
    return Definitions(new_id(), EntityType.CONTACT, fields)


@pytest.mark.parametrize(
    ("field_type", "value", "stored"),
    [
        (FieldType.TEXT, "  two words ", "two words"),
        (FieldType.TEXT, "x" * MAX_TEXT, "x" * MAX_TEXT),
        (FieldType.NUMBER, 12, "12"),
        (FieldType.NUMBER, Decimal("12.50"), "12.5"),
        (FieldType.NUMBER, "0012.500", "12.5"),
        (FieldType.NUMBER, "+3", "3"),
        (FieldType.NUMBER, "-0.0", "0"),
        (FieldType.NUMBER, Decimal("1e3"), "1000"),
        (FieldType.NUMBER, Decimal("0e999999"), "0"),
        (FieldType.NUMBER, 0.1, "0.1"),
        (FieldType.NUMBER, "99999999999999999999.9999999999", "99999999999999999999.9999999999"),
        (FieldType.DATE, " 2026-02-28 ", "2026-02-28"),
        (FieldType.SELECT, "gold", "gold"),
        (FieldType.MULTI_SELECT, ["silver", "gold"], ["gold", "silver"]),
        (FieldType.MULTI_SELECT, [], None),
    ],
)
def test_a_value_has_one_stored_form(field_type: FieldType, value: object, stored: object) -> None:
    assert to_stored(make_field(field_type), value) == stored


@pytest.mark.parametrize(
    ("field_type", "value", "detail"),
    [
        (FieldType.TEXT, 7, "takes text"),
        (FieldType.TEXT, " ", "must not be blank; null clears it"),
        (FieldType.TEXT, "x" * (MAX_TEXT + 1), f"takes {MAX_TEXT} characters at most"),
        (FieldType.TEXT, "a\x00b", "holds a character that can't be stored"),
        (FieldType.NUMBER, True, "takes a number"),
        (FieldType.NUMBER, "many", "takes a number"),
        (FieldType.NUMBER, "1_000", "takes a number"),
        (FieldType.NUMBER, "١٢", "takes a number"),
        (FieldType.NUMBER, "1" * 101, "takes a number"),
        (FieldType.NUMBER, [], "takes a number"),
        (FieldType.NUMBER, float("nan"), f"takes {MAX_WHOLE_DIGITS} digits before the point at most"),
        (FieldType.NUMBER, Decimal("1e20"), f"takes {MAX_WHOLE_DIGITS} digits before the point at most"),
        (FieldType.NUMBER, Decimal("1e-11"), f"takes {MAX_DECIMALS} digits after the point at most"),
        (FieldType.NUMBER, Decimal("1e-999999"), f"takes {MAX_DECIMALS} digits after the point at most"),
        (FieldType.DATE, "2026-02-30", "is no day of the calendar"),
        (FieldType.DATE, "22.11.2026", "takes a day such as 2026-11-22"),
        (FieldType.DATE, "2026-11-22T00:00:00Z", "takes a day such as 2026-11-22"),
        (FieldType.DATE, 20261122, "takes a day such as 2026-11-22"),
        (FieldType.DATE, "1899-12-31", "lies outside 1900-01-01 to 2200-12-31"),
        (FieldType.DATE, "9999-12-31", "lies outside 1900-01-01 to 2200-12-31"),
        (FieldType.SELECT, "bronze", "is not one of the options gold (Gold!), silver"),
        (FieldType.SELECT, "tin", "is an option that was retired"),
        (FieldType.SELECT, ["gold"], "takes the value of an option"),
        (FieldType.MULTI_SELECT, "gold", "takes a list of options"),
        (FieldType.MULTI_SELECT, ["gold", "gold"], "names an option more than once"),
        (FieldType.MULTI_SELECT, ["gold", "bronze"], "is not one of the options gold (Gold!), silver"),
        (FieldType.MULTI_SELECT, ["tin"], "is an option that was retired"),
    ],
)
def test_a_wrong_value_is_told_why(field_type: FieldType, value: object, detail: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(detail)}"):
        to_stored(make_field(field_type), value)


def test_all_wrong_values_are_named_together() -> None:
    definitions = define(make_field(FieldType.NUMBER, "score"), make_field(FieldType.DATE, "day", required=True))
    with pytest.raises(InvalidField) as invalid:
        definitions.check({"score": "many"}, partial=False)
    assert [error.pointer for error in invalid.value.errors] == ["/custom_data/day", "/custom_data/score"]
    with pytest.raises(UnknownCustomField) as unknown:
        definitions.check({"a/b~c": 1, "score": "many"}, partial=True)
    assert [error.pointer for error in unknown.value.errors] == ["/custom_data/a~1b~0c", "/custom_data/score"]


def test_merging_keeps_what_is_not_named() -> None:
    definitions = define(make_field(FieldType.TEXT, "a"), make_field(FieldType.TEXT, "b", required=True))
    assert definitions.merge({"a": "1"}, {}) == {"a": "1"}
    assert definitions.merge({"a": "1"}, {"a": None}) == {}
    assert definitions.merge({"a": "1"}, {"b": "2"}) == {"a": "1", "b": "2"}
    with pytest.raises(InvalidField):
        definitions.merge({"b": "2"}, {"b": None})
    assert definitions.keep_known({"a": "1", "gone": "x"}) == {"a": "1"}


def test_a_retired_option_stays_where_it_is_held() -> None:
    definitions = define(make_field(FieldType.SELECT, "one"), make_field(FieldType.MULTI_SELECT, "many"))
    present = {"one": "tin", "many": ["tin", "gold"]}
    assert definitions.merge(present, {"one": "tin", "many": ["gold", "tin"]}) == present
    assert definitions.merge(present, {"many": ["silver", "tin"]})["many"] == ["silver", "tin"]
    with pytest.raises(InvalidField):
        definitions.merge({"one": "gold"}, {"one": "tin"})


def test_all_values_together_have_a_limit() -> None:
    fields = [make_field(FieldType.TEXT, f"k{number}") for number in range(40)]
    full = {field.key: "x" * MAX_TEXT for field in fields}
    with pytest.raises(InvalidField) as refusal:
        define(*fields).check(full, partial=False)
    assert [error.pointer for error in refusal.value.errors] == ["/custom_data"]
    part = dict(list(full.items())[: MAX_STORED_BYTES // (MAX_TEXT + 20)])
    merged = define(*fields).merge({}, part)
    with pytest.raises(InvalidField):
        define(*fields).merge(merged, {"k39": "x" * MAX_TEXT})


def test_cells_of_a_file_are_read() -> None:
    many, number = make_field(FieldType.MULTI_SELECT, "many"), make_field(FieldType.NUMBER, "number")
    definitions = define(many, number)
    assert definitions.parse_text("many", " Silver ;gold;; ") == ["gold", "silver"]
    assert definitions.parse_text("many", " ") is None
    assert definitions.parse_text("number", " 12.50 ") == "12.5"
    with pytest.raises(InvalidField) as refusal:
        definitions.parse_text("number", "12,5")
    assert refusal.value.errors[0].pointer == "/custom_data/number"
    with pytest.raises(UnknownCustomField):
        definitions.parse_text("nothing", "x")


def test_options_left_out_are_retired_and_labels_may_change() -> None:
    field = make_field(FieldType.SELECT)
    renamed = edit(field, {"label": "Level", "options": (Option("gold", "Au"),)}, now=NOW)
    assert renamed is not None
    assert (renamed.version, renamed.label) == (2, "Level")
    assert renamed.options == (
        Option("gold", "Au"), Option("silver", "Silver", retired=True), Option("tin", "Tin", retired=True),
    )  # fmt: skip
    assert edit(field, {"label": field.label, "options": OPTIONS, "key": field.key}, now=NOW) is None
    back = edit(renamed, {"options": OPTIONS}, now=NOW)
    assert back is not None
    assert to_stored(back, "silver") == "silver"


VALUES: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=50).filter(
        is_seen
    ),
    FieldType.NUMBER: st.decimals(
        min_value=-(10**MAX_WHOLE_DIGITS) + 1, max_value=10**MAX_WHOLE_DIGITS - 1, places=MAX_DECIMALS
    )
    | st.integers(-(10**19), 10**19),
    FieldType.DATE: st.dates(FIRST_DAY, LAST_DAY).map(date.isoformat),
    FieldType.SELECT: st.sampled_from(["gold", "silver"]),
    FieldType.MULTI_SELECT: st.lists(st.sampled_from(["gold", "silver"]), unique=True, min_size=1),
}


@given(st.data(), st.sampled_from(FieldType))
def test_what_is_stored_reads_as_itself(data: st.DataObject, field_type: FieldType) -> None:
    """A stored value, sent again or written to a file and read back, is stored alike; numbers keep every digit."""
    field = make_field(field_type)
    value = data.draw(VALUES[field_type])
    stored = to_stored(field, value)

    assert to_stored(field, stored, stored) == stored
    assert from_text(field, to_text(stored)) == stored
    if field_type is FieldType.NUMBER:
        assert Decimal(stored) == value


def test_an_option_is_named_whatever_the_case() -> None:
    options = (Option("gold", "Best of all"), Option("Silver", "Second"), Option("silver", "Third"))
    field = replace(make_field(FieldType.SELECT), options=options)

    assert [from_text(field, text) for text in ("Gold", "GOLD", "best OF all", "Silver", "silver", "SECOND")] == [
        "gold", "gold", "gold", "Silver", "silver", "Silver"
    ]  # fmt: skip
    with pytest.raises(ValueError, match=re.escape("gold (Best of all), Silver (Second), silver (Third)")):
        from_text(field, "SILVER")  # which of the two nobody can tell; who has the labels finds them in the refusal


def test_a_text_of_nothing_visible_is_blank() -> None:
    with pytest.raises(ValueError, match="must not be blank"):
        to_stored(make_field(FieldType.TEXT), "\u200b \u2060")
    assert to_stored(make_field(FieldType.TEXT), "two\nlines\tof it") == "two\nlines\tof it"
    assert to_stored(make_field(FieldType.TEXT), "Cafe\u0301") == "Caf\u00e9"
