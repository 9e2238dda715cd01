"""Cursors, positions, If-Match, problems and the rate window, by themselves."""

import base64
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_shared.database import Where
from crm_shared.http.cursors import decode_cursor, encode_cursor, next_cursor, parse_order
from crm_shared.http.positions import Position, from_token, to_token
from crm_shared.http.preconditions import parse_if_match
from crm_shared.http.problems import problem_response, to_pointer
from crm_shared.http.rate_limit import RateLimit
from crm_shared.listing import Key, Order, Page, SortField
from crm_shared.refusals import InvalidField, MalformedRequest, RateLimited, StaleVersion
from crm_shared.time_window import END, FIRST_DAY, FIRST_INSTANT, LAST_DAY

ID = UUID("0195a5f0-0000-7000-8000-000000000001")
INSTANT = datetime(2026, 11, 22, 3, 51, 54, 105_001, tzinfo=UTC)


def order_of(kind: type, name: str = "-key") -> Order:
    return Order(name, SortField("t.key", kind), name.startswith("-"), id_column="t.id")


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
instants = st.datetimes(
    FIRST_INSTANT.replace(tzinfo=None), END.replace(tzinfo=None) - timedelta(microseconds=1), timezones=st.just(UTC)
)


@given(
    st.one_of(storable, instants, st.dates(FIRST_DAY, LAST_DAY), st.uuids(), st.integers(-(2**63), 2**63 - 1)),
    st.uuids(),
)
@example(INSTANT, ID)
def test_a_cursor_gives_back_what_it_was_made_of(value: Any, last_id: UUID) -> None:
    order = order_of(type(value))
    assert decode_cursor(encode_cursor(order, Key(value, last_id)), order) == (value, last_id)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_too(value: Decimal) -> None:
    order = order_of(Decimal)
    assert decode_cursor(encode_cursor(order, Key(value, ID)), order) == (value, ID)


@pytest.mark.parametrize(
    ("name", "value", "cursor"),
    [
        (
            "-created_at",
            INSTANT,
            "WyItY3JlYXRlZF9hdCIsIjIwMjYtMTEtMjJUMDM6NTE6NTQuMTA1MDAxKzAwOjAwIiwiMDE5NWE1ZjAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAxIl0",
        ),
        (
            "effective_on",
            date(2026, 11, 22),
            "WyJlZmZlY3RpdmVfb24iLCIyMDI2LTExLTIyIiwiMDE5NWE1ZjAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAxIl0",
        ),
        ("name", "Åsa", "WyJuYW1lIiwiw4VzYSIsIjAxOTVhNWYwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMSJd"),
        ("-version", 7, "WyItdmVyc2lvbiIsIjciLCIwMTk1YTVmMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEiXQ"),
    ],
)
def test_a_cursor_that_was_given_out_stays_good(name: str, value: Any, cursor: str) -> None:
    order = order_of(type(value), name)
    assert decode_cursor(cursor, order) == (value, ID)
    assert encode_cursor(order, Key(value, ID)) == cursor


def encode(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "=", "é", "bm9uc2Vuc2U", encode([]), encode({}), encode(5), encode(None), encode("abc"),
        encode(["-key", "2026-11-22T03:51:54+00:00", 5]), encode(["-key", "2026-11-22T03:51:54+00:00", None]),
        encode(["-key", 5, str(ID)]), encode(["-key", None, str(ID)]), encode(["-key", [], str(ID)]),
        encode(["-key", "2026-11-22T03:51:54", str(ID)]), encode(["-key", "0001-01-01T00:00:00+14:00", str(ID)]),
        encode(["-key", "0001-01-01T00:00:00Z", str(ID)]), encode(["-key", "9999-12-31T23:59:59.999999Z", str(ID)]),
        encode(["-key", "nonsense", str(ID)]), encode(["-key", "2026-11-22T03:51:54Z", "x"]),
        encode(["key", "2026-11-22T03:51:54Z", str(ID)]), encode(["-key", "2026-11-22T03:51:54Z", str(ID), 1]),
    ],
)  # fmt: skip
def test_what_is_no_cursor_names_the_parameter(cursor: str) -> None:
    with pytest.raises(InvalidField) as refused:
        decode_cursor(cursor, order_of(datetime))
    assert [error.pointer for error in refused.value.errors] == ["?cursor"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, str(2**63)),
        (int, "9" * 900),
        (str, "a\x00"),
        (Decimal, "x"),
        (Decimal, "NaN"),
        (Decimal, "-Infinity"),
        (date, "x"),
        (date, "0001-01-01"),
        (date, "9999-12-31"),
        (UUID, "x"),
    ],
)
def test_a_cursor_holds_what_postgresql_can_take(kind: type, text: str) -> None:
    with pytest.raises(InvalidField):
        decode_cursor(encode(["-key", text, str(ID)]), order_of(kind))


@given(st.binary() | st.text())
def test_no_cursor_fails_in_another_way(raw: bytes | str) -> None:
    text = raw if isinstance(raw, str) else base64.urlsafe_b64encode(raw).decode()
    with pytest.raises(InvalidField):
        decode_cursor(text, order_of(datetime))


def test_an_order_compares_the_pair_in_its_direction() -> None:
    for name, operator, direction in (("-key", "<", "DESC"), ("key", ">", "ASC")):
        order = order_of(datetime, name)
        where = order.to_valued(Where("tenant"), Key(INSTANT, ID))
        assert where is not None
        assert where.sql == f"(t.key, t.id) {operator} ($2, $3)"
        assert where.parameters == ["tenant", INSTANT, ID]
        assert order.sql == f"t.key {direction}, t.id {direction}"
        first = order.to_valued(Where("tenant"), None)
        assert first is not None
        assert first.sql == "true"
        assert order.to_blank(Where("tenant"), None) is None


def test_a_sort_is_one_of_those_offered() -> None:
    fields = {"created_at": SortField("t.created_at", datetime), "name": SortField("t.name", str)}
    assert parse_order(None, fields).name == "-created_at"
    assert not parse_order("name", fields).is_descending
    for sort in ("version", "--name", "-", "name;DROP TABLE t", "name,created_at", "+name"):
        with pytest.raises(InvalidField) as refused:
            parse_order(sort, fields)
        assert [error.pointer for error in refused.value.errors] == ["?sort"]


def test_the_row_too_many_tells_that_more_follow() -> None:
    rows = [{"key": INSTANT + timedelta(microseconds=n), "id": ID} for n in range(3)]
    order = order_of(datetime)
    assert next_cursor(Page(order, None, 3), rows) is None
    cursor = next_cursor(Page(order, None, 2), rows)
    assert cursor is not None
    assert decode_cursor(cursor, order) == (rows[1]["key"], ID)


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    order = order_of(datetime)
    there = INSTANT.astimezone(timezone(timedelta(hours=-5)))
    assert decode_cursor(encode_cursor(order, Key(there, ID)), order)[0] == INSTANT


@given(
    st.lists(st.builds(Position, st.sampled_from(["deal", "contact"]), st.uuids(), st.integers(1, 2**62)), min_size=1)
)
def test_a_position_gives_back_what_it_was_made_of(positions: list[Position]) -> None:
    assert from_token(to_token(positions)) == positions


@pytest.mark.parametrize("token", ["", "x", "é", "ZGVhbA", "ZGVhbDp4OjE", "ZGVhbDo6"])
def test_what_is_no_position_names_the_parameter(token: str) -> None:
    with pytest.raises(InvalidField) as refused:
        from_token(token)
    assert [error.pointer for error in refused.value.errors] == ["?after"]


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"7"', (7,)),
        ('"7" , "8"', (7, 8)),
        ('"0"', (0,)),
        ('W/"3"', (3,)),
        ('"7", W/"8" ,W/"9"', (7, 8, 9)),
    ],
)
def test_an_if_match_is_a_list_of_versions(header: str | None, versions: tuple[int, ...] | None) -> None:
    assert parse_if_match(header) == versions


@given(st.text())
def test_any_other_if_match_is_malformed(header: str) -> None:
    try:
        parse_if_match(header)
    except MalformedRequest:
        return
    assert header.strip() == "*" or '"' in header


def test_a_problem_has_the_fields_of_the_rfc() -> None:
    answer = problem_response(StaleVersion.between((3, 4), 5), instance="/v1/deals/7")
    assert (answer.status_code, answer.media_type) == (412, "application/problem+json")
    assert json.loads(bytes(answer.body)) == {
        "type": "/problems/stale-version",
        "title": "The record was changed meanwhile",
        "status": 412,
        "detail": "The record is at version 5, not 3, 4.",
        "instance": "/v1/deals/7",
        "errors": [],
        "current_version": 5,
    }


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        (("body",), ""),
        (("body", "items", 0, "email"), "/items/0/email"),
        (("body", "a/b~c"), "/a~1b~0c"),
        (("query", "limit"), "?limit"),
        (("query",), "?"),
        (("header", "if-match"), "if-match"),
    ],
)
def test_a_pointer_says_where(location: tuple[int | str, ...], pointer: str) -> None:
    assert to_pointer(location) == pointer


def test_a_window_holds_so_many_of_each_user() -> None:
    limit = RateLimit(requests=2, window_s=3600)
    one, other = uuid4(), uuid4()
    assert [limit.count(one)[0], limit.count(one)[0], limit.count(other)[0]] == [1, 0, 1]
    with pytest.raises(RateLimited) as refused:
        limit.count(one)
    assert 0 < (refused.value.retry_after_s or 0) <= 3600
