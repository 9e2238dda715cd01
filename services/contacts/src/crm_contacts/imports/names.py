"""What the columns of contacts and companies have in common. Pure."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from crm_contacts.exports.files import NO_COLUMN
from crm_contacts.imports.values import CHOICES
from crm_shared.features.imports.values import is_id
from crm_shared.record_fields import field_names

EXACT: Final = {"company": "company_id", "owner": "owner_id"}
"""`company` is the name or domain of a company; `owner` a user's e-mail address or full name."""

UNSET: Final = frozenset({"id", "created_at", "updated_at"})


def list_fields(new: type[Any]) -> tuple[str, ...]:
    fields = [name for name in field_names(new) if name not in NO_COLUMN]
    return ("id", *fields, *(name for name, exact in EXACT.items() if exact in fields))


def _choice_fits(values: Collection[str]) -> Callable[[str], bool]:
    return lambda text: text.upper() in values


FITS: Final[Mapping[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("id", "company_id", "owner_id"), is_id),
    **{name: _choice_fits(values) for name, values in CHOICES.items()},
}
"""Only what another system calls the same and fills with its own: its ids, its choices, such as sources."""
