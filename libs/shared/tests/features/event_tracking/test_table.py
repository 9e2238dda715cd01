"""What is printed of an event's way, and how the command refuses."""

from datetime import timedelta
from uuid import UUID

import pytest
import typer

from crm_shared.features.event_tracking.command import read_wanted
from crm_shared.features.event_tracking.parts import (
    Effect,
    GroupProgress,
    Letter,
    Looked,
    Place,
    ServicePart,
    TrackedEvent,
    Unanswered,
    written_at,
)
from crm_shared.features.event_tracking.table import list_reasons, list_rows, print_parts

EVENT_ID = UUID("019ad2c1-7a00-7000-8000-000000000001")
AT = written_at(EVENT_ID)
BEHIND = "9 behind the topic's end"
TRACKED = TrackedEvent("crm.deal.updated", "deal", "d", 7, "t", "2026-11-30T08:00:00Z")


def make_found() -> list[ServicePart]:
    place = Place("crm.deal", 2, 1043, AT + timedelta(milliseconds=12))
    deals = ServicePart("deals", EVENT_ID, has_outbox=True, event=TRACKED, place=place)
    deals.effects = [Effect("webhook delivery", "failed", "https://x: answered 500", AT + timedelta(seconds=90))]
    reporting = ServicePart("reporting", EVENT_ID, has_outbox=False, event=TRACKED, place=place)
    reporting.groups = [GroupProgress("reporting.deals", "waits", 1040, 9, 4, 7200.0)]
    reporting.letters = [
        Letter("reporting.deals", "…dlq", 3, AT + timedelta(seconds=2), "no", "BadRecord", is_put_back=True)
    ]
    reporting.unanswered = [Unanswered("the stores of reporting", "TimeoutError")]
    activities = ServicePart("activities", EVENT_ID, has_outbox=True, event=TRACKED, place=place)
    return [deals, activities, reporting]


def test_the_table_goes_along_the_events_way() -> None:
    assert list(list_rows(EVENT_ID, make_found())) == [
        ("outbox", "deals", "sent", "", ""),
        ("topic", "crm.deal", "there", "12 ms", "partition 2, offset 1043"),
        (
            "group",
            "reporting.deals",
            "waits",
            "2.0 h",
            "committed 1040, 4 records to this one, 9 behind the topic's end",
        ),
        ("dead letters", "reporting.deals", "dead letter", "2.0 s", "offset 3: BadRecord: no; put back since"),
        ("webhook delivery", "deals", "failed", "1.5 min", "https://x: answered 500"),
        ("not asked", "reporting", "unknown", "", "the stores of reporting: TimeoutError"),
    ]


def test_all_that_is_known_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_parts(EVENT_ID, make_found(), width=160)
    printed = capsys.readouterr().out
    assert "crm.deal.updated: version 7 of deal d" in printed
    assert all(cell in printed for row in list_rows(EVENT_ID, make_found()) for cell in row)


def test_what_waits_in_the_outbox_is_found_there() -> None:
    part = ServicePart("deals", EVENT_ID, has_outbox=True, outbox_position=9, outbox_before=4, event=TRACKED)
    assert [row[:3] for row in list_rows(EVENT_ID, [part])] == [("outbox", "deals", "waits")]
    assert list(list_reasons([part])) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_not_found_is_explained(*, is_whole: bool, capsys: pytest.CaptureFixture[str]) -> None:
    part = ServicePart("deals", EVENT_ID, has_outbox=True, looked=[Looked("crm.deal", AT, 1200, is_whole)])
    print_parts(EVENT_ID, [part], width=160)
    printed = capsys.readouterr().out
    assert "not found" in printed
    assert "1,200 records since" in printed
    assert ("--most 0" in printed) is not is_whole


def test_what_could_not_be_asked_is_no_place_where_it_is_not() -> None:
    away = [Unanswered("the outbox of deals", "TimeoutError"), Unanswered("Kafka", "TimeoutError")]
    part = ServicePart("deals", EVENT_ID, has_outbox=True, unanswered=away)
    assert [row[0] for row in list_rows(EVENT_ID, [part])] == ["not asked", "not asked"]
    reasons = list(list_reasons([part]))
    assert "may have it" in reasons[0]
    assert not any("No row of an outbox" in reason or "compacted" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("event_id", "record", "at"),
    [
        ("nonsense", "", ""),
        ("9f0c2a1e-0b5e-4a54-9f3a-0c2a1e0b5e4a", "", ""),
        (str(EVENT_ID), "x", ""),
        (str(EVENT_ID), "", "crm.deal/1"),
        (str(EVENT_ID), "", "crm.deal/1/x"),
    ],
)
def test_what_is_no_id_or_place_ends_with_status_2(event_id: str, record: str, at: str) -> None:
    with pytest.raises(typer.Exit) as ended:
        read_wanted(event_id, record, 0, at=at)
    assert ended.value.exit_code == 2


def test_nothing_that_came_from_elsewhere_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    part = ServicePart("deals", EVENT_ID, has_outbox=True)
    part.event = TrackedEvent("crm.deal.\x1b[31m", "deal", "\x1b]0;d\x07", 7, "\x1b[2J", "\r")
    part.effects = [Effect("stage transition", "there", "Won \x1b[2J to \x9bLost")]
    print_parts(EVENT_ID, [part])
    assert not set(capsys.readouterr().out) & set("\x1b\x07\r\x9b")
