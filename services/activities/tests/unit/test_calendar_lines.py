"""What is written as iCalendar reads back as it was: `icalendar` is the judge, and the octets are counted."""

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_activities.activities.activity import ActivityType
from crm_activities.calendar.calendar_file import CalendarFile, to_sequence
from crm_activities.calendar.content_lines import escape, fold
from crm_activities.calendar.domain import Entry, Feed, Mark
from crm_testing.examples import examples

ID = UUID("00000000-0000-7000-8000-0000000000c1")
AT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
FEED_NAME = "CRM: Renée; Rep, Ops\\EU"
FEED = Feed(ID, ID, ID, FEED_NAME.removeprefix("CRM: "), "Europe/Berlin", None)
EXAMPLES = examples(50)
FORBIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
LINE_END = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")

ODD = [
    *("", " ", ";", ",", "\\", "\\n", "\\\\n", ":", '"', "\r", "\n", "\r\n", "\t", "\x01", "\x0b", "\x1b", "\x7f"),
    *(
        "\x85",
        "\u2028",
        "\u2029",
        "é",
        "e\u0301",
        "👩‍👩‍👧‍👦",
        "\U0001d4b3",
        "שלום",
        "مرحبا",
        "\u202e",
        "\ufeff",
        "\U000e0001",
    ),
    *("END:VEVENT", "BEGIN:VALARM", "x" * 74, "é" * 37, "界" * 25),
]
TEXTS = st.lists(st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


def make_entry(**fields: Any) -> Entry:
    empty = dict.fromkeys(("subject", "body", "location", "priority", "scheduled_on", "duration_s", "deleted_at"))
    usual = {"id": ID, "version": 3, "type": ActivityType.MEETING, "scheduled_at": AT, "created_at": AT}
    return Entry(**{**empty, **usual, "updated_at": AT + timedelta(days=1), **fields})


def write(*entries: Entry, page_url: str | None = None) -> bytes:
    return asyncio.run(CalendarFile(FEED, page_url).write(entries))


def read(file: bytes) -> Any:
    """Hold the file against RFC 5545, 3.1, then have it read."""
    assert file.endswith(b"\r\n")
    for line in file[:-2].split(b"\r\n"):
        assert len(line) <= 75
        assert b"\n" not in line
        assert b"\r" not in line
        line.decode()  # no character is parted
    calendar = icalendar.Calendar.from_ical(file)
    assert isinstance(calendar, icalendar.Calendar)
    assert calendar.errors == []
    assert all(component.errors == [] for component in calendar.walk())
    return calendar


def read_event(entry: Entry) -> Any:
    [event] = read(write(entry)).walk("VEVENT")
    return event


def as_shown(text: str) -> str:
    """Return what a reader shall get of a text: without controls, with one kind of line's end."""
    return FORBIDDEN.sub("", LINE_END.sub("\n", text))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.tuples(TEXTS, TEXTS, TEXTS).map(lambda texts: ["".join(parts) for parts in texts]))
def test_any_text_reads_back(texts: list[str]) -> None:
    subject, body, location = texts
    event = read_event(make_entry(subject=subject, body=body, location=location))
    assert event["SUMMARY"] == (as_shown(subject) or "Meeting")
    assert event.get("DESCRIPTION", "") == as_shown(body)
    assert event.get("LOCATION", "") == as_shown(location)


@pytest.mark.parametrize("letter", ["x", "é", "界", "👩", ";", "\\", "\n", "\x01", "\u0301"], ids=ascii)
def test_long_texts_read_back(letter: str) -> None:
    text = letter * 10_000
    assert read_event(make_entry(body=text)).get("DESCRIPTION", "") == as_shown(text)


@pytest.mark.parametrize("length", range(70, 80))
def test_a_line_is_folded_behind_75_octets_and_never_in_a_character(length: int) -> None:
    for letter in ("x", "é", "界", "👩"):
        lines = fold("a" + letter * length).split(b"\r\n")
        assert lines.pop() == b""
        assert all(len(line) <= 75 for line in lines)
        assert all(line.startswith(b" ") for line in lines[1:])
        assert "".join([lines[0].decode(), *(line[1:].decode() for line in lines[1:])]) == "a" + letter * length
    assert len(fold("x" * 75).split(b"\r\n")) == 2
    assert fold("x" * 76) == b"x" * 75 + b"\r\n x\r\n"


def test_what_has_a_meaning_is_escaped() -> None:
    assert escape("a;b,c\\d\ne:f\"g'\tx") == "a\\;b\\,c\\\\d\\ne:f\"g'\tx"


def test_a_meeting_has_all_that_calendars_ask_for() -> None:
    entry = make_entry(subject="Offer", body="Bring it", location="Rome, 2", duration_s=5400)
    [event] = read(write(entry, page_url="https://crm.example/a/{id}?from=calendar")).walk("VEVENT")
    assert (event["UID"], event["SEQUENCE"]) == (str(ID), 3)
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == entry.updated_at
    assert event["CREATED"].dt == AT
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (AT, AT + timedelta(minutes=90))
    assert event["DTSTART"].dt.tzinfo is not None
    assert (event["SUMMARY"], event["DESCRIPTION"], event["LOCATION"]) == ("Offer", "Bring it", "Rome, 2")
    assert (event["STATUS"], event["TRANSP"]) == ("CONFIRMED", "OPAQUE")
    assert event["URL"] == f"https://crm.example/a/{ID}?from=calendar"
    assert event["CATEGORIES"].to_ical() == b"MEETING"


def test_a_task_takes_nobodys_time() -> None:
    event = read_event(make_entry(type=ActivityType.TASK, priority="HIGH"))
    assert (event["SUMMARY"], event["TRANSP"], event["PRIORITY"]) == ("Task", "TRANSPARENT", 1)
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=30)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 12, 31), date(1900, 1, 1), date(2200, 12, 31)])
def test_a_whole_day_is_a_day(day: date) -> None:
    file = write(make_entry(scheduled_at=None, scheduled_on=day))
    assert f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\n".encode() in file
    [event] = read(file).walk("VEVENT")
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (day, day + timedelta(days=1))


@pytest.mark.parametrize(("duration_s", "ends"), [(0, None), (1, 1), (None, 1800), (2**31 - 1, 2**31 - 1)])
def test_the_end_lies_behind_the_start_or_is_left_out(duration_s: int | None, ends: int | None) -> None:
    event = read_event(make_entry(duration_s=duration_s))
    assert ("DTEND" in event) is (ends is not None)
    if ends is not None:
        assert event["DTEND"].dt - AT == timedelta(seconds=ends)


def test_a_deleted_one_is_cancelled_and_says_no_more_than_its_subject() -> None:
    event = read_event(make_entry(subject="Secret talks", body="b", location="l", deleted_at=AT))
    assert (event["STATUS"], event["TRANSP"], event["SUMMARY"]) == ("CANCELLED", "TRANSPARENT", "Secret talks")
    assert {"DESCRIPTION", "LOCATION", "URL", "CATEGORIES"}.isdisjoint(event)


def test_the_calendar_says_how_it_is_called_and_when_to_come_again() -> None:
    calendar = read(write())
    assert (calendar["VERSION"], calendar["CALSCALE"]) == ("2.0", "GREGORIAN")
    assert calendar["X-WR-CALNAME"] == calendar["NAME"] == escape(FEED_NAME)  # both unknown to the library
    assert calendar["X-WR-TIMEZONE"] == "Europe/Berlin"
    assert calendar["REFRESH-INTERVAL"].to_ical() == b"PT1H"
    assert calendar["X-PUBLISHED-TTL"] == "PT1H"
    assert "METHOD" not in calendar  # would ask for an ORGANIZER (RFC 5546, 3.2.1)
    assert calendar.walk("VTIMEZONE")  # one component there must be (RFC 5545, 3.6)
    assert not read(write(make_entry())).walk("VTIMEZONE")


def test_the_tag_goes_by_versions_in_any_order_and_by_what_stands_beside_them() -> None:
    marks = [Mark(uuid5(ID, str(number)), number) for number in range(1, 20)]
    file = CalendarFile(FEED, None)
    tag = file.make_etag(marks)
    assert re.fullmatch('"[0-9a-f]{32}"', tag)
    assert file.make_etag(reversed(marks)) == tag
    others = {
        file.make_etag(marks[1:]),
        file.make_etag([Mark(marks[0].id, 2), *marks[1:]]),
        file.make_etag([]),
        CalendarFile(FEED, "https://crm.example/{id}").make_etag(marks),
        CalendarFile(Feed(ID, ID, ID, FEED.full_name, "Asia/Tokyo", None), None).make_etag(marks),
        CalendarFile(Feed(ID, ID, ID, "Another", FEED.time_zone, None), None).make_etag(marks),
    }
    assert len(others | {tag}) == 7


async def test_others_have_their_turn_while_a_long_file_is_written() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    entries = [make_entry(body="x" * 1000) for _ in range(1000)]
    file = await CalendarFile(FEED, None).write(entries)
    counting.cancel()
    assert turns >= len(file) // 131_072


def test_a_sequence_stays_an_integer_of_calendars_and_never_falls() -> None:
    versions = [1, 2, 5_000_000, 1_764_450_000_000, 1_764_450_000_001, 1_764_451_000_000, 2**53]
    sequences = [to_sequence(version) for version in versions]
    assert sequences == [*versions[:3], 1_764_450_000, 1_764_450_000, 1_764_451_000, 2**31 - 1]
