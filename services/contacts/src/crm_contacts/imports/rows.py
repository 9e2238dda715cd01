"""From a record's cells to a row for COPY, and its event: the same bytes as a single POST publishes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import uuid_utils

from crm_contacts.companies import domain as companies
from crm_contacts.companies import events as company_events
from crm_contacts.companies.domain import Company, NewCompany
from crm_contacts.contacts import domain as contacts
from crm_contacts.contacts import events as contact_events
from crm_contacts.contacts.domain import NAMING_FIELDS, Contact, NewContact
from crm_contacts.imports.domain import ImportedType
from crm_contacts.imports.plain_values import read_e164
from crm_contacts.imports.references import Found
from crm_shared.contracts.writing import require_readable, to_value
from crm_shared.json_text import to_json
from crm_shared.record_fields import field_names

_NOBODY: Final = UUID(int=0)
_ARRAY_NEEDS_ESCAPE: Final = re.compile(r'["\\]')
_COPY_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class RowKind:
    """What is particular to one type of record.

    `record` is its class, `new` the one whose fields a row may set. `make_template`: the state of a record with nothing
    in it.
    """

    aggregate: str
    record: type[Any]
    new: type[Any]
    make_template: Callable[[Found], dict[str, Any]]
    complete: Callable[[dict[str, Any], Found], None]
    find_refusal: Callable[[Mapping[str, Any]], tuple[str, str] | None]

    @property
    def staged(self) -> tuple[str, ...]:
        """Return its columns in the staging table, in COPY's order.

        They stand between the two that all have (number, id) and the three last (custom_data, refusal, payload).
        """
        return tuple(name for name in field_names(self.new) if name != "custom_data")


def _template_of_contact(found: Found) -> dict[str, Any]:
    return contact_events.to_state(contacts.begin(_NOBODY, NewContact(owner_id=_NOBODY), now=found.now))


def _template_of_company(found: Found) -> dict[str, Any]:
    event = companies.create(_NOBODY, NewCompany(name="", owner_id=_NOBODY), now=found.now)
    return company_events.to_state(event.company)


def _complete_contact(values: dict[str, Any], found: Found) -> None:
    phone = values.get("phone")
    if phone is not None:
        values["phone_e164"] = read_e164(phone, found.region)


def _complete_company(_values: dict[str, Any], _found: Found) -> None:
    """Nothing of a company follows from the rest of it."""


def _refuse_contact(values: Mapping[str, Any]) -> tuple[str, str] | None:
    if any(name in values for name in NAMING_FIELDS):
        return None
    return "", f"one of {', '.join(NAMING_FIELDS)} is required"


def _refuse_company(values: Mapping[str, Any]) -> tuple[str, str] | None:
    return None if "name" in values else ("name", "is required")


ROW_KINDS: Final[Mapping[ImportedType, RowKind]] = {
    ImportedType.CONTACT: RowKind(
        "contact",
        Contact,
        NewContact,
        _template_of_contact,
        _complete_contact,
        _refuse_contact,
    ),
    ImportedType.COMPANY: RowKind(
        "company",
        Company,
        NewCompany,
        _template_of_company,
        _complete_company,
        _refuse_company,
    ),
}


class RowWriter:
    """Writes the rows of one chunk: all are published at the same moment, by the same user."""

    def __init__(self, kind: RowKind, found: Found, actor_id: UUID) -> None:
        self._kind = kind
        self._staged = kind.staged
        self._found = found
        self._owner = str(actor_id)
        # What is the same in every row is written once: ids and instants cost more than all texts together.
        template = kind.make_template(found)
        # Once for all rows: what these bring in is text, ids and custom fields, each as its own reader has let it in.
        require_readable(kind.aggregate, template)
        self._template = {
            name: str(value) if isinstance(value, UUID) else _to_json_text(value) if name.endswith("_at") else value
            for name, value in template.items()
        }
        self._actor = actor_id

    def to_line(self, number: int, values: dict[str, Any], custom_data: Mapping[str, Any], refusal: str | None) -> str:
        """Give the row as one line of COPY's text format, NULL as nothing. `values`: the fields that are not empty."""
        self._kind.complete(values, self._found)
        record_id = str(values.pop("id", None) or uuid_utils.uuid7())  # the file's own, where records are found by it
        values.setdefault("owner_id", self._owner)
        state = {**self._template, **values, "id": record_id, "custom_data": custom_data}
        payload = to_json(to_value(self._kind.aggregate, state, changed=None, actor_id=self._actor)).decode()
        fields = [str(number), record_id]
        for name in self._staged:
            value = values.get(name)
            if value is None:
                fields.append("{}" if name == "tags" else "")
            else:
                fields.append(_to_array(value) if name == "tags" else str(value))
        fields += [to_json(custom_data).decode() if custom_data else "{}", refusal or "", payload]
        line = "\t".join(fields)
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != len(fields) - 1:
            line = "\t".join(field.translate(_COPY_ESCAPES) for field in fields)
        return line + "\n"


def _to_json_text(value: object) -> object:
    """Give an instant as JSON has it."""
    return None if value is None else to_json(value).decode().strip('"')


@lru_cache(maxsize=4096)
def _to_array(texts: tuple[str, ...]) -> str:
    """Write a PostgreSQL array."""
    return "{" + ",".join('"' + _ARRAY_NEEDS_ESCAPE.sub(r"\\\g<0>", text) + '"' for text in texts) + "}"
