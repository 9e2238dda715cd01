"""From a cell's text to an activity's value: the rules of the API's models, and the words of other products.

Raises ValueError.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from crm_activities.activities.activity import ActivityType, CallOutcome, Direction, TaskPriority
from crm_activities.activities.contacts import MOST_CONTACTS
from crm_activities.use_cases.attachments import Attachments, to_files
from crm_activities.use_cases.schemas import MOST_DURATION_S, Location, MessageId, ReferenceIds, Subject
from crm_shared.features.imports.headers import fold
from crm_shared.features.imports.moments import part_moment, read_moment
from crm_shared.features.imports.value_forms import split_values
from crm_shared.features.imports.values import read_id, read_short_text
from crm_shared.http.models import Day, LongText, WholeNumber

ValueT = TypeVar("ValueT")

TYPES: Final = {
    **{fold(one): one for one in ActivityType},
    "todo": ActivityType.TASK, "deadline": ActivityType.TASK, "aufgabe": ActivityType.TASK,
    "event": ActivityType.MEETING, "lunch": ActivityType.MEETING, "appointment": ActivityType.MEETING,
    "termin": ActivityType.MEETING, "besprechung": ActivityType.MEETING,
    "phonecall": ActivityType.CALL, "anruf": ActivityType.CALL, "notiz": ActivityType.NOTE,
    "mail": ActivityType.EMAIL, "incomingemail": ActivityType.EMAIL, "forwardedemail": ActivityType.EMAIL,
}  # fmt: skip
DIRECTIONS: Final = {
    "inbound": Direction.INBOUND, "incoming": Direction.INBOUND, "incomingemail": Direction.INBOUND,
    "outbound": Direction.OUTBOUND, "outgoing": Direction.OUTBOUND, "email": Direction.OUTBOUND,
    "forwardedemail": Direction.OUTBOUND,
}  # fmt: skip
OUTCOMES: Final = {
    **{fold(one): one for one in CallOutcome},
    "leftvoicemail": CallOutcome.VOICEMAIL, "leftlivemessage": CallOutcome.CONNECTED,
}  # fmt: skip
PRIORITIES: Final = {
    **{fold(one): one for one in TaskPriority},
    "medium": TaskPriority.NORMAL, "none": TaskPriority.NORMAL,
}  # fmt: skip
STATUSES: Final = {
    **dict.fromkeys(("completed", "complete", "done", "closed", "true", "yes", "1", "erledigt"), True),
    **dict.fromkeys(
        (
            "notstarted", "inprogress", "waiting", "waitingonsomeoneelse", "deferred", "todo", "notdone", "open",
            "planned", "scheduled", "rescheduled", "false", "no", "0", "offen",
        ),
        False,
    ),
}  # fmt: skip
BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_CLOCK: Final = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


def _choosing(words: Mapping[str, ValueT], takes: str) -> Callable[[str], ValueT]:
    def read(text: str) -> ValueT:
        try:
            return words[fold(text)]
        except KeyError:
            raise ValueError(f"takes {takes}") from None

    return read


def _reading(model: Any, takes: str | None = None) -> Callable[[Any], Any]:
    """Return what reads a value by the API's own type; `takes` in place of what that says of a wrong one."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)

    def read(value: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise ValueError(takes or error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    return read


def read_duration(text: str) -> int:
    """Return seconds: of hours and minutes, with seconds behind them or without, or of a plain number."""
    match = _CLOCK.fullmatch(text)
    if match is not None:
        text = str(int(match[1]) * _HOUR_S + int(match[2]) * _MINUTE_S + int(match[3] or 0))
    seconds: int = _read_seconds(text)
    return seconds


def read_minutes(text: str) -> int:
    """Return the seconds of so many minutes."""
    minutes: int = _read_seconds(text)
    return read_duration(str(minutes * _MINUTE_S))


def read_time(text: str) -> time:
    """Read a time of the day, perhaps with its offset, as it stands beside its day in a column of its own."""
    return time.fromisoformat(part_moment(f"2000-01-01 {text}")[1].removeprefix("T"))


def read_length(start: datetime, end: datetime) -> int:
    """Return the seconds between two moments."""
    if end < start:
        raise ValueError("lies before the start")
    try:
        return read_duration(str(int((end - start).total_seconds())))
    except ValueError:
        raise ValueError("lies longer after the start than an activity may last") from None


def read_attachments(text: str) -> tuple[Mapping[str, Any], ...]:
    """Read what an export writes of attachments: JSON."""
    try:
        return to_files(_attachments.validate_json(text))
    except ValidationError as error:
        found = error.errors()[0]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in found["loc"])
        raise ValueError(f"takes a JSON list of attachments: {where} {found['msg']}".replace(":  ", ": ")) from None


def read_ids(text: str, separator: str) -> tuple[UUID, ...]:
    parts = split_values(text, separator)
    if len(parts) > MOST_CONTACTS:
        raise ValueError(f"are {len(parts)}; at most {MOST_CONTACTS}")
    return tuple(dict.fromkeys(map(read_id, parts)))


def read_message_ids(text: str, separator: str) -> tuple[str, ...]:
    found: tuple[str, ...] = _read_references(split_values(text, separator))
    return found


_attachments = TypeAdapter(Attachments)
_read_seconds = _reading(
    Annotated[WholeNumber, Field(ge=0, le=MOST_DURATION_S)], "takes seconds, or hours and minutes such as 00:30"
)
_read_references = _reading(ReferenceIds)

READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": read_id,
    "in_reply_to": read_id,
    "type": _choosing(TYPES, f"one of {', '.join(ActivityType)}"),
    "subject": _reading(Subject),
    "body": _reading(LongText),
    **dict.fromkeys(("occurred_at", "scheduled_at", "completed_at", "remind_at", "date", "end"), read_moment),
    "scheduled_on": _reading(Day, "takes a day such as 2026-11-22; state the file's date_format"),
    "due_time": read_time,
    "status": _choosing(STATUSES, "done or open, such as Completed or Not Started"),
    "direction": _choosing(DIRECTIONS, f"one of {', '.join(Direction)}"),
    "outcome": _choosing(OUTCOMES, f"one of {', '.join(CallOutcome)}"),
    "duration_s": read_duration,
    "duration_min": read_minutes,
    "location": _reading(Location),
    "priority": _choosing(PRIORITIES, f"one of {', '.join(TaskPriority)}"),
    "message_id": _reading(MessageId),
    "is_automatic": _choosing(BOOLEANS, "true or false"),
    "attachments": read_attachments,
    "external_id": read_short_text,
    **dict.fromkeys(("call_subject", "email_subject", "meeting_subject", "task_subject"), _reading(Subject)),
    **dict.fromkeys(("call_body", "email_body", "meeting_body", "note_body", "task_body"), _reading(LongText)),
}
LIST_READERS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "contact_ids": read_ids,
    "reference_ids": read_message_ids,
}
