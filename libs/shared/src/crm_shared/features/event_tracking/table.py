"""Prints an event's way as a table, or as JSON; where it was not found, where it was looked for and what may be."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crm_shared.contracts.topics import TOPICS
from crm_shared.features.event_tracking.parts import GroupProgress, ServicePart, is_found, written_at

STYLES: Final = {"waits": "yellow", "missing": "yellow", "failed": "red", "dead letter": "red", "unknown": "yellow"}
WIDTH_OF_NO_TERMINAL: Final = 120
MINUTE_S, HOUR_S = 60, 3600

Row = tuple[str, str, str, str, str]
"""Step, whose, state, how long after the event was written, details."""


def print_parts(event_id: UUID, parts: Sequence[ServicePart], *, width: int | None = None) -> None:
    """Print what is known on stdout."""
    console = Console(highlight=False, markup=False, emoji=False, width=width or _find_width())
    event = next((part.event for part in parts if part.event is not None), None)
    at = written_at(event_id)
    if event is None:
        console.print(f"Event {event_id}, written {_show_time(at)} by its id: not found")
    else:
        version = "" if event.version is None else f"version {event.version} of "
        console.print(_show(f"{event.type}: {version}{event.aggregate} {event.aggregate_id}", "bold"))
        console.print(_show(f"tenant {event.tenant_id}, written {_show_time(at)}, happened {event.occurred_at}"))
    table = Table(box=box.SIMPLE_HEAD if console.encoding.startswith("utf") else box.ASCII, show_edge=False)
    for heading in ("step", "of", "state", "after", "details"):
        table.add_column(heading, justify="right" if heading == "after" else "left", overflow="fold")
    for row in list_rows(event_id, parts):
        table.add_row(*map(_show, row), style=STYLES.get(row[2]))
    console.print(table)
    if event is None:
        for line in list_reasons(parts):
            console.print(f"- {line}", soft_wrap=True)


def _show(text: str, style: str = "") -> Text:
    """Show what came from the bus or a store: no sign of it commands the terminal."""
    return Text("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text), style)


def _find_width() -> int | None:
    return None if sys.stdout.isatty() else WIDTH_OF_NO_TERMINAL


def list_rows(event_id: UUID, parts: Sequence[ServicePart]) -> Iterator[Row]:
    """Return the table's rows, in the order of an event's way."""
    at = written_at(event_id)
    place = next((part.place for part in parts if part.place is not None), None)
    owner = TOPICS[place.topic].service if place is not None and place.topic in TOPICS else None
    for part in parts:
        if owner is None or part.service == owner:
            yield from _list_outbox(part)
    if place is not None:
        yield "topic", place.topic, "there", _since(at, place.at), f"partition {place.partition}, offset {place.offset}"
    for list_step in (_list_looked, _list_groups, _list_effects):
        for part in parts:
            yield from list_step(part, at)


def _list_outbox(part: ServicePart) -> Iterator[Row]:
    if part.outbox_position is not None:
        detail = f"row {part.outbox_position}, {part.outbox_before} before it: the relay has yet to send it"
        yield "outbox", part.service, "waits", "", detail
    elif part.is_outbox_asked:
        yield "outbox", part.service, "sent" if part.place is not None else "no row", "", ""


def _list_looked(part: ServicePart, _at: datetime) -> Iterator[Row]:
    for looked in part.looked if part.place is None else ():
        bound = "to its end" if looked.is_whole else "and no further"
        detail = f"{looked.record_count:,} records since {_show_time(looked.since)}, {bound}"
        yield "topic", looked.topic, "not found", "", detail


def _list_groups(part: ServicePart, at: datetime) -> Iterator[Row]:
    yield from (_describe_group(group) for group in part.groups)
    for letter in part.letters:
        ended = "; put back since" if letter.is_put_back else ""
        detail = f"offset {letter.offset}: {letter.error}: {letter.reason}{ended}"
        yield "dead letters", letter.group_id, "dead letter", _since(at, letter.at), detail


def _list_effects(part: ServicePart, at: datetime) -> Iterator[Row]:
    for effect in part.effects:
        yield effect.name, part.service, effect.state, "" if effect.at is None else _since(at, effect.at), effect.detail
    if part.is_record_broken is not None:
        yield "effects", part.service, "unknown", "", f"the record can't be read: {part.is_record_broken}"
    for one in part.unanswered:
        yield "not asked", part.service, "unknown", "", f"{one.what}: {one.why}"


def _describe_group(group: GroupProgress) -> Row:
    behind = f"{group.lag} behind the topic's end"
    if group.reading == "past":
        return "group", group.group_id, "past", "", f"committed {group.committed}, {behind}"
    stands = "has committed nothing in this partition" if group.committed is None else f"committed {group.committed}"
    waited = "" if group.waits_s is None else _show_duration(group.waits_s)
    return "group", group.group_id, "waits", waited, f"{stands}, {group.before_event} records to this one, {behind}"


def list_reasons(parts: Sequence[ServicePart]) -> Iterator[str]:
    """Say what may be the reason that an event was not found."""
    if is_found(parts):
        return
    if any(part.unanswered for part in parts):
        yield "What could not be asked may have it: ask again once that answers."
    if any(not one.is_whole for part in parts for one in part.looked):
        yield "Reading ended at its bound: --most 0 reads on to the end; --record ID reads one partition alone."
    if any(part.is_outbox_asked for part in parts):
        yield "No row of an outbox has it: it was sent, upon which the row is deleted, or never committed."
    if any(part.looked for part in parts):
        yield (
            "A compacted topic keeps a record's newest event alone (all but crm.deal), and each topic drops what is"
            " older than its retention."
        )
    yield "It may be no event's id: records and webhook deliveries have ids of the same form."


def _since(at: datetime, later: datetime) -> str:
    return _show_duration((later - at).total_seconds())


def _show_duration(seconds: float) -> str:
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    return f"{seconds / MINUTE_S:.1f} min" if seconds < HOUR_S else f"{seconds / HOUR_S:.1f} h"


def _show_time(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
