"""How a file writes days, numbers and several values in a cell: stated, or found where a whole column agrees. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final

from crm_shared.features.imports.moments import part_moment
from crm_shared.refusals import InvalidField

ISO_DAY: Final = "YYYY-MM-DD"
# Two of them fit `03/04/2026`: then neither is taken, unless another cell of the column decides.
DAY_FORMS: Final = (
    ISO_DAY,
    "DD.MM.YYYY",
    "DD/MM/YYYY",
    "MM/DD/YYYY",
    "YYYY/MM/DD",
    "DD-MM-YYYY",
    "MM-DD-YYYY",
    "YYYYMMDD",
)
DECIMAL_MARKS: Final = (".", ",")
TAG_SEPARATOR: Final = ";"
SEPARATORS: Final = (";", ",", "|", ":::", "/")
MAX_NUMBER: Final = 100
MAX_VALUES: Final = 1000

_PARTS: Final = {"YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d{1,2})", "DD": r"(?P<day>\d{1,2})"}
_DAY_FORM: Final = re.compile(r"(YYYY|MM|DD)([./ -]?)(YYYY|MM|DD)([./ -]?)(YYYY|MM|DD)")
# A whole part in groups of three or without any, then perhaps decimals. A space of any kind, an apostrophe or the other
# mark parts the groups.
_NUMBERS: Final[Mapping[str, re.Pattern[str]]] = {
    ".": re.compile(r"([+-]?)(\d{1,3}(?:[,'\u2019 \u00a0\u202f]\d{3})+|\d+)(\.\d+)?", re.ASCII),
    ",": re.compile(r"([+-]?)(\d{1,3}(?:[.'\u2019 \u00a0\u202f]\d{3})+|\d+)(,\d+)?", re.ASCII),
}
_GROUPING: Final = re.compile("[.,'\u2019 \u00a0\u202f]")
_QUOTED_LIST: Final = re.compile(r'"[^"]*"(?:,\s?"[^"]*")+')


class ValueKind(StrEnum):
    """What a column's cells are, as far as files write it in several ways."""

    DAY = "day"
    MOMENT = "moment"
    NUMBER = "number"
    VALUES = "values"


@dataclass(frozen=True, slots=True)
class FileForms:
    """The forms of one file. `by_field`: what was found for a field's column, where nothing is stated."""

    date_format: str | None = None
    decimal_mark: str | None = None
    value_separator: str | None = None
    by_field: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str, kind: ValueKind) -> str | None:
        stated = {
            ValueKind.DAY: self.date_format,
            ValueKind.MOMENT: self.date_format,
            ValueKind.NUMBER: self.decimal_mark,
            ValueKind.VALUES: self.value_separator,
        }[kind]
        return stated or self.by_field.get(name)

    def read(self, name: str, kind: ValueKind, text: str) -> str:
        """Return a cell as the API writes such a value. Raises ValueError."""
        form = self.find(name, kind)
        if kind is ValueKind.DAY:
            return text if form is None else read_day(text, form)
        if kind is ValueKind.MOMENT:
            return text if form is None else read_moment(text, form)
        if kind is ValueKind.NUMBER:
            return text if form is None else read_number(text, form)
        return text if form in {None, TAG_SEPARATOR} else join_values(split_values(text, form or TAG_SEPARATOR))


def require_date_format(text: str) -> str:
    """Return the form that the caller states, such as DD.MM.YYYY. Raises InvalidField."""
    form = text.strip().upper()
    match = _DAY_FORM.fullmatch(form)
    if match is None or {match[1], match[3], match[5]} != set(_PARTS):
        raise InvalidField.at("/date_format", "takes YYYY, MM and DD in an order of yours, such as DD.MM.YYYY")
    return form


def require_decimal_mark(text: str) -> str:
    if text not in DECIMAL_MARKS:
        raise InvalidField.at("/decimal_mark", "takes . or ,")
    return text


def require_value_separator(text: str) -> str:
    separator = text.strip()
    if separator not in SEPARATORS:
        raise InvalidField.at("/value_separator", f"takes one of {' '.join(SEPARATORS)}")
    return separator


@cache
def _compile(form: str) -> re.Pattern[str]:
    match = _DAY_FORM.fullmatch(form)
    if match is None:
        raise ValueError(form)
    first, one, second, two, third = match.groups()
    parts = [_PARTS[first], re.escape(one), _PARTS[second], re.escape(two), _PARTS[third]]
    text = "".join(parts) if one or two else "".join(parts).replace("{1,2}", "{2}")
    return re.compile(text + r"(?:[T ]00:00(?::00(?:\.0+)?)?)?", re.ASCII)  # what spreadsheets add to a day


def read_day(text: str, form: str) -> str:
    """Return a day as 2026-11-22. Raises ValueError."""
    match = _compile(form).fullmatch(text[:40].strip())
    if match is None:
        raise ValueError(f"takes a day in the form {form}")
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"])).isoformat()
    except ValueError:
        raise ValueError("is no day of the calendar") from None


def read_moment(text: str, form: str) -> str:
    """Return a day as 2026-11-22, with the time that stands behind it. Raises ValueError."""
    day, clock = part_moment(text)
    return read_day(day, form) + clock


def read_number(text: str, decimal_mark: str) -> str:
    """Return a number as 1234.5. Raises ValueError."""
    match = _NUMBERS[decimal_mark].fullmatch(text.strip()[: MAX_NUMBER + 1])
    if match is None:
        raise ValueError(f"takes a number whose decimals begin with {decimal_mark!r}")
    sign, whole, decimals = match.groups()
    return sign + _GROUPING.sub("", whole) + ("" if decimals is None else "." + decimals[1:])


def require_sure_number(text: str) -> None:
    """Raise ValueError for a number that is another with either mark: 1.250 may be as much as 1250."""
    read = {mark: read_number(text, mark) for mark in DECIMAL_MARKS if _reads(read_number, text, mark)}
    if len(set(read.values())) > 1:
        raise ValueError(f"may be meant as {' or as '.join(read.values())}: state the file's decimal_mark")


def split_values(text: str, separator: str) -> list[str]:
    """Part a cell into its values. One that begins with a quote goes on to its end, separators included."""
    if '"' not in text:
        return [part for part in map(str.strip, text.split(separator)) if part]
    parts: list[str] = []
    at = 0
    while at <= len(text) and len(parts) <= MAX_VALUES:
        while at < len(text) and text[at] == " ":
            at += 1
        end = _find_quoted_end(text, at, separator) if text[at : at + 1] == '"' else None
        if end is None:
            stop = text.find(separator, at)
            stop = len(text) if stop < 0 else stop
            parts.append(text[at:stop].strip())
        else:
            parts.append(text[at + 1 : end].replace('""', '"').strip())
            stop = text.find(separator, end)
            stop = len(text) if stop < 0 else stop
        at = stop + len(separator)
    return [part for part in parts if part]


def split_cell(text: str, most: int) -> tuple[str, ...]:
    """Part a cell that names several records, as HubSpot has them; quotes are part of a name.

    Of more than `most` it returns one more: who takes so many will refuse it, and the rest is looked for by nobody.
    """
    parts = text.split(TAG_SEPARATOR, most + 1)[: most + 1]
    return tuple(dict.fromkeys(part for one in parts if (part := one.strip()))) or (text,)


def _find_quoted_end(text: str, start: int, separator: str) -> int | None:
    """Return where the quote that `start` opens is closed, None if what follows it is no separator."""
    at = start + 1
    while (end := text.find('"', at)) >= 0:
        if text[end + 1 : end + 2] == '"':
            at = end + 2
            continue
        rest = text[end + 1 : end + 1 + len(separator) + 8].lstrip()
        return end if not rest or rest.startswith(separator) else None
    return None


def join_values(values: Iterable[str]) -> str:
    """Write values as `split_values` reads them with the usual separator."""
    return TAG_SEPARATOR.join(
        '"' + value.replace('"', '""') + '"' if TAG_SEPARATOR in value or value.startswith('"') else value
        for value in values
    )


class FormSurvey:
    """Finds how columns write their values: `feed` each row's cells, then ask `result`.

    `columns`: the field and kind of each index. A form is taken only if it alone reads every cell of its column.
    """

    def __init__(self, columns: Mapping[int, tuple[str, ValueKind]]) -> None:
        self._columns = columns
        self._left = {index: list(_FORMS[kind]) for index, (_, kind) in columns.items()}
        self._values = dict.fromkeys(columns, 0)
        self._separators: dict[int, str | None] = {}
        self._parted: set[int] = set()

    def feed(self, cells: Sequence[str]) -> None:
        for index, (_, kind) in self._columns.items():
            text = cells[index].strip()
            if not text:
                continue
            self._values[index] += 1
            if kind is ValueKind.VALUES:
                self._note_separator(index, text)
            elif self._left[index]:
                read = _READERS[kind]
                if kind is ValueKind.NUMBER and not text.lstrip("+-").isdigit():
                    self._parted.add(index)
                self._left[index] = [form for form in self._left[index] if _reads(read, text, form)]

    def list_undecided(self) -> list[str]:
        """Return the fields whose numbers are parted, by what may be either mark."""
        return [
            name
            for index, (name, kind) in self._columns.items()
            if kind is ValueKind.NUMBER and len(self._left[index]) > 1 and index in self._parted
        ]

    def result(self) -> dict[str, str]:
        """Return the form of each field that has one, and only one."""
        found: dict[str, str] = {}
        for index, (name, kind) in self._columns.items():
            if kind is ValueKind.VALUES:
                separator = self._separators.get(index)
                if separator is not None:
                    found[name] = separator
            elif self._values[index] and len(self._left[index]) == 1:
                found[name] = self._left[index][0]
        return found

    def _note_separator(self, index: int, text: str) -> None:
        if " ::: " in text:
            self._separators[index] = ":::"
        elif TAG_SEPARATOR in text and self._separators.get(index) != ":::":
            self._separators[index] = TAG_SEPARATOR
        elif index not in self._separators and _QUOTED_LIST.fullmatch(text):
            self._separators[index] = ","


_FORMS: Final[Mapping[ValueKind, Sequence[str]]] = {
    ValueKind.DAY: DAY_FORMS,
    ValueKind.MOMENT: DAY_FORMS,
    ValueKind.NUMBER: DECIMAL_MARKS,
    ValueKind.VALUES: (),
}
_READERS: Final[Mapping[ValueKind, Callable[[str, str], str]]] = {
    ValueKind.DAY: read_day,
    ValueKind.MOMENT: read_moment,
    ValueKind.NUMBER: read_number,
}


def _reads(read: Callable[[str, str], str], text: str, form: str) -> bool:
    try:
        read(text, form)
    except ValueError:
        return False
    return True
