"""From a cell's text to a deal's value: the rules of the API's models. Raises ValueError."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from crm_deals.deals.domain import DealStatus
from crm_shared.features.imports.moments import read_moment
from crm_shared.features.imports.values import read_id, read_short_text
from crm_shared.http.models import Day, LongText
from crm_shared.money import Amount, digits_of

MAX_LONG_TEXT: Final = 50_000
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
# HubSpot says at what time a deal is to be closed; a deal of ours has a day.
_WITH_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_to_day = TypeAdapter[date](Day).validate_python
_to_amount = TypeAdapter[Decimal](Amount).validate_python
_to_long_text = TypeAdapter[str](LongText).validate_python


def read_amount(text: str) -> Decimal:
    """Return the number; `to_amount` holds it against its currency later."""
    try:
        return _to_amount(text)
    except ValidationError:
        raise ValueError("takes a number such as 12500.00") from None


def read_currency(text: str) -> str:
    code = text.upper()
    if _CURRENCY.fullmatch(code) is None:
        raise ValueError("takes an ISO 4217 code such as EUR")
    try:
        digits_of(code)
    except ValueError:
        raise ValueError(f"{code} is not a currency that a price can have") from None
    return code


def read_day(text: str) -> date:
    match = _WITH_TIME.fullmatch(text[:40])
    try:
        return _to_day(match[1] if match else text)
    except ValidationError:
        raise ValueError("takes a day such as 2026-11-22; state the file's date_format") from None


def read_long_text(text: str) -> str:
    try:
        return _to_long_text(text)
    except ValidationError:
        raise ValueError(f"should have at most {MAX_LONG_TEXT} characters") from None


def read_status(text: str) -> DealStatus:
    try:
        return DealStatus(text.upper())
    except ValueError:
        raise ValueError(f"takes one of {', '.join(DealStatus)}") from None


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": read_id,
    "name": read_short_text,
    "amount": read_amount,
    "currency": read_currency,
    "close_date": read_day,
    "status": read_status,
    "description": read_long_text,
    "lost_reason": read_long_text,
    "external_id": read_short_text,
    "created_at": read_moment,
    "closed_at": read_moment,
}
