"""The iCalendar file of a feed (RFC 5545 and 7986), and the tag that changes when anything in it does."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from crm_activities.activities.activity import ActivityType
from crm_activities.calendar.content_lines import escape, fold, write_moment, write_start_or_end
from crm_activities.calendar.domain import Entry, Feed, Mark, end_of
from crm_shared.event_loop_turns import next_turn

MOST_SEQUENCE: Final = 2**31 - 1
FORM: Final = 2
"""Goes up when what is written of an entry changes, so that every reader fetches it anew."""

REFRESHED_EVERY: Final = "PT1H"
PIECE_BYTES: Final = 65_536
"""What is written without letting others have the event loop: some 3 ms."""

PRIORITIES: Final = {"HIGH": 1, "NORMAL": 5, "LOW": 9}

# RFC 5545 wants one component at least, also of whom nothing is planned for.
NOTHING_PLANNED: Final = (
    *("BEGIN:VTIMEZONE", "TZID:UTC", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
    *("TZOFFSETFROM:+0000", "TZOFFSETTO:+0000", "END:STANDARD", "END:VTIMEZONE"),
)


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """What is written beside the entries. `page_url`: of an activity for people, with `{id}` in it; None for none."""

    feed: Feed
    page_url: str | None

    def make_etag(self, marks: Iterable[Mark | Entry]) -> str:
        """Return the strong entity tag of the file with these entries, in whatever order they come."""
        digest = hashlib.sha256(
            "\x00".join([str(FORM), self.feed.full_name, self.feed.time_zone, self.page_url or ""]).encode()
        )
        for mark in sorted((mark.id.bytes, mark.version) for mark in marks):
            digest.update(b"%b %d;" % mark)
        return f'"{digest.hexdigest()[:32]}"'

    async def write(self, entries: Sequence[Entry]) -> bytes:
        """Return the file, having left the event loop to others after each piece of it."""
        await next_turn()
        pieces, piece, size = [], [*map(fold, self._list_head())], 0
        for entry in entries:
            written = self._write_entry(entry)
            piece.append(written)
            size += len(written)
            if size > PIECE_BYTES:
                pieces.append(b"".join(piece))
                piece, size = [], 0
                await next_turn()
        piece += map(fold, [*(() if entries else NOTHING_PLANNED), "END:VCALENDAR"])
        return b"".join([*pieces, *piece])

    def _list_head(self) -> Iterator[str]:
        name = escape(f"CRM: {self.feed.full_name}")
        yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//CRM suite//Activities//EN", "CALSCALE:GREGORIAN")
        yield from (f"NAME:{name}", f"X-WR-CALNAME:{name}", f"X-WR-TIMEZONE:{escape(self.feed.time_zone)}")
        yield from (f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESHED_EVERY}", f"X-PUBLISHED-TTL:{REFRESHED_EVERY}")

    def _write_entry(self, entry: Entry) -> bytes:
        """Return one entry's lines. Of a deleted one only what calendars need to strike it out."""
        is_deleted, updated = entry.deleted_at is not None, write_moment(entry.updated_at)
        starts, ends = entry.scheduled_at or entry.scheduled_on, end_of(entry)
        # A task is no appointment: its user may be met meanwhile.
        is_free = is_deleted or entry.type is ActivityType.TASK
        # Together, as none of these can be too long for its line.
        short = (
            f"BEGIN:VEVENT\r\nUID:{entry.id}\r\nSEQUENCE:{to_sequence(entry.version)}\r\nDTSTAMP:{updated}\r\n"
            f"CREATED:{write_moment(entry.created_at)}\r\nLAST-MODIFIED:{updated}\r\n"
            f"{write_start_or_end('DTSTART', starts)}{write_start_or_end('DTEND', ends)}"
            f"STATUS:{'CANCELLED' if is_deleted else 'CONFIRMED'}\r\n"
            f"TRANSP:{'TRANSPARENT' if is_free else 'OPAQUE'}\r\n"
        )
        details = () if is_deleted else self._list_details(entry)
        summary = f"SUMMARY:{escape(entry.subject or '') or entry.type.title()}"
        return b"".join([short.encode(), fold(summary), *map(fold, details), b"END:VEVENT\r\n"])

    def _list_details(self, entry: Entry) -> Iterator[str]:
        yield f"CATEGORIES:{entry.type}"
        if entry.body:
            yield f"DESCRIPTION:{escape(entry.body)}"
        if entry.location:
            yield f"LOCATION:{escape(entry.location)}"
        if entry.priority is not None:
            yield f"PRIORITY:{PRIORITIES[entry.priority]}"
        if self.page_url is not None:
            yield f"URL:{self.page_url.replace('{id}', str(entry.id))}"


def to_sequence(version: int) -> int:
    """Return what says of a version which is later: the version itself, as far as RFC 5545's integers reach (32 bits).

    After a restoration versions are moments in milliseconds (decision 0060). Their seconds are told: of two of one
    second DTSTAMP decides.
    """
    return version if version <= MOST_SEQUENCE else min(version // 1000, MOST_SEQUENCE)
