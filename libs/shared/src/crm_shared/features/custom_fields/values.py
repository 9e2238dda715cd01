"""What a record's value of a custom field may be, and its one stored form. Pure: no I/O.

TEXT, DATE and SELECT are stored as strings, NUMBER as a decimal string (JSON numbers lose digits in most readers),
MULTI_SELECT as a list of strings.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from crm_shared.features.custom_fields.domain import OPTION_SEPARATOR, CustomField
from crm_shared.features.custom_fields.kinds import FieldType
from crm_shared.text import is_seen, to_nfc
from crm_shared.time_window import to_day

MAX_TEXT = 5000
MAX_WHOLE_DIGITS = 20
MAX_DECIMALS = 10
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_NUMBER = 100


def to_stored(field: CustomField, value: Any, present: Any = None) -> Any:
    """Return `value` in its stored form. `present` is what the record holds: a retired option may stay.

    Raises ValueError saying what is wrong.
    """
    if field.field_type is FieldType.SELECT:
        return _to_option(field, value, held=frozenset({present} if isinstance(present, str) else ()))
    if field.field_type is FieldType.MULTI_SELECT:
        return _to_options(field, value, present)
    return _READERS[field.field_type](value)


def from_text(field: CustomField, text: str, present: Any = None) -> Any:
    """Read a value as CSV files and list filters write it. Options may be named by value or by label.

    None when the text is blank. Raises ValueError saying what is wrong.
    """
    text = text.strip()
    if not text:
        return None
    if field.field_type is FieldType.SELECT:
        return to_stored(field, _find_option(field, text), present)
    if field.field_type is FieldType.MULTI_SELECT:
        return to_stored(field, [_find_option(field, part) for part in _part(text)], present)
    return to_stored(field, text, present)


def name_options(field: CustomField, text: str) -> list[str]:
    """Read the options that a filter asks for, retired ones too. Raises ValueError for what is none."""
    parts = _part(text) if field.field_type is FieldType.MULTI_SELECT else [text.strip()]
    options = [_find_option(field, part) for part in parts]
    if any(option not in field.options_by_value for option in options):
        raise ValueError("is no option of the field")
    return options


def to_text(value: Any) -> str:
    """Write a stored value as `from_text` reads it."""
    if value is None:
        return ""
    return OPTION_SEPARATOR.join(value) if isinstance(value, list) else str(value)


def read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("takes text")  # noqa: TRY004 - one kind of error for every wrong value
    text = to_nfc(value.strip())
    if not is_seen(text):
        raise ValueError("must not be blank; null clears it")
    if len(text) > MAX_TEXT:
        raise ValueError(f"takes {MAX_TEXT} characters at most")
    if "\x00" in text:
        raise ValueError("holds a character that can't be stored")
    return text


def read_number(value: Any) -> str:
    number = _to_decimal(value)
    if not number.is_finite() or (number and number.adjusted() >= MAX_WHOLE_DIGITS):
        raise ValueError(f"takes {MAX_WHOLE_DIGITS} digits before the point at most")
    if not number:
        return "0"
    _, digits, exponent = number.as_tuple()
    significant = len("".join(map(str, digits)).rstrip("0"))
    # Before it is written out: 1e-999999 would be a megabyte.
    if -(int(exponent) + len(digits) - significant) > MAX_DECIMALS:
        raise ValueError(f"takes {MAX_DECIMALS} digits after the point at most")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_day(value: Any) -> str:
    if not isinstance(value, str) or not _DAY.fullmatch(value.strip()):
        raise ValueError("takes a day such as 2026-11-22")
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("is no day of the calendar") from None
    return to_day(day).isoformat()


def _to_decimal(value: Any) -> Decimal:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _DECIMAL.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, float):
        return Decimal(repr(value))  # the shortest that reads as this float: what its writer meant
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueError('takes a number, or one written as a string such as "12.5"')


def _part(text: str) -> list[str]:
    return [part.strip() for part in text.split(OPTION_SEPARATOR) if part.strip()]


def _find_option(field: CustomField, text: str) -> str:
    """Return the value of the option that `text` names by value, else by label, else by either whatever the case.

    Two options that differ by case alone are told apart by it: such a text names neither.
    """
    if text in field.options_by_value:
        return text
    labelled = next((option.value for option in field.options if option.label == text), None)
    if labelled is not None:
        return labelled
    alike = field.options_by_folded_name.get(text.casefold(), ())
    return next(iter(alike)) if len(alike) == 1 else text


def _to_option(field: CustomField, value: Any, *, held: frozenset[str]) -> str:
    if not isinstance(value, str):
        raise ValueError("takes the value of an option")  # noqa: TRY004 - one kind of error for every wrong value
    option = field.options_by_value.get(value.strip())
    if option is None:
        raise ValueError(f"is not one of the options {_name_options(field)}")
    if option.retired and option.value not in held:
        raise ValueError("is an option that was retired")
    return option.value


def _to_options(field: CustomField, value: Any, present: Any) -> list[str] | None:
    """Return the options in the field's order, so that equal choices are stored alike; None for an empty list."""
    if not isinstance(value, list):
        raise ValueError("takes a list of options")  # noqa: TRY004 - one kind of error for every wrong value
    held = frozenset(present if isinstance(present, list) else ())
    chosen = [_to_option(field, each, held=held) for each in value]
    if len(set(chosen)) != len(chosen):
        raise ValueError("names an option more than once")
    if held == set(chosen):
        return list(present) if chosen else None
    return [each for each in field.options_by_value if each in set(chosen)] or None


def _name_options(field: CustomField) -> str:
    """Name them by value, which every door takes, and by the label, which people's files have, where it is another."""
    selectable = [
        option.value if option.label.casefold() == option.value.casefold() else f"{option.value} ({option.label})"
        for option in field.options
        if not option.retired
    ]
    return ", ".join(selectable[:_NAMED_OPTIONS]) + (", …" if len(selectable) > _NAMED_OPTIONS else "")


_NAMED_OPTIONS = 10
_READERS: dict[FieldType, Callable[[Any], str]] = {
    FieldType.TEXT: read_text,
    FieldType.NUMBER: read_number,
    FieldType.DATE: read_day,
}
