"""Which column of a file is which field: the caller's mapping first, then names that people use. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from crm_contacts.companies.domain import NewCompany
from crm_contacts.contacts.domain import NewContact
from crm_contacts.imports.domain import ID_PROPERTIES, ImportedType, ImportMode
from crm_shared.record_fields import field_names
from crm_shared.refusals import FieldProblem, InvalidField, escape

CUSTOM_PREFIX: Final = "cf_"
_SEPARATORS: Final = re.compile(r"[\s_\-.]+")

# Of two columns that say the same, the exact one counts: an export has both, one to read and one to come back.
_EXACT: Final = {"company": "company_id", "owner": "owner_id"}
"""`company` is the name or domain of a company that is there; `owner` a user's e-mail address."""

_NO_COLUMN: Final = {"phone_e164", "custom_data"}
"""What follows from the phone, and custom fields, each of which has a column of its own."""


def _list_fields(new: type[Any]) -> tuple[str, ...]:
    fields = [name for name in field_names(new) if name not in _NO_COLUMN]
    return ("id", *fields, *(name for name, exact in _EXACT.items() if exact in fields))


FIELDS: Final[Mapping[ImportedType, tuple[str, ...]]] = {
    ImportedType.CONTACT: _list_fields(NewContact),
    ImportedType.COMPANY: _list_fields(NewCompany),
}

# Names folded as `_fold` does. What stands in two lists would be a guess.
ALIASES: Final[Mapping[ImportedType, Mapping[str, str]]] = {
    ImportedType.CONTACT: {
        "recordid": "id", "contactid": "id",
        "firstname": "first_name", "givenname": "first_name", "forename": "first_name", "vorname": "first_name",
        "lastname": "last_name", "surname": "last_name", "familyname": "last_name", "nachname": "last_name",
        "email": "email", "emailaddress": "email", "mail": "email", "primaryemail": "email", "workemail": "email",
        "phone": "phone", "phonenumber": "phone", "telephone": "phone", "tel": "phone", "telefon": "phone",
        "mobile": "phone", "mobilephone": "phone", "mobilephonenumber": "phone",
        "companyid": "company_id",
        "company": "company", "companyname": "company", "companydomain": "company", "organization": "company",
        "organisation": "company", "employer": "company", "firma": "company", "unternehmen": "company",
        "jobtitle": "job_title", "title": "job_title", "position": "job_title", "role": "job_title",
        "source": "source", "leadsource": "source",
        "ownerid": "owner_id",
        "owner": "owner", "owneremail": "owner", "contactowner": "owner",
        "tags": "tags", "labels": "tags",
        "externalid": "external_id",
    },
    ImportedType.COMPANY: {
        "recordid": "id", "companyid": "id",
        "name": "name", "companyname": "name", "company": "name", "organization": "name", "organisation": "name",
        "firma": "name",
        "domain": "domain", "domainname": "domain", "companydomain": "domain", "companydomainname": "domain",
        "industry": "industry", "branche": "industry",
        "size": "size", "companysize": "size", "employees": "size", "numberofemployees": "size",
        "website": "website", "websiteurl": "website", "url": "website", "homepage": "website",
        "ownerid": "owner_id",
        "owner": "owner", "owneremail": "owner", "companyowner": "owner",
        "tags": "tags", "labels": "tags",
    },
}  # fmt: skip


def to_columns(
    header: Sequence[str],
    mapping: Mapping[str, str | None],
    *,
    entity_type: ImportedType,
    custom_labels: Mapping[str, str],
    mode: ImportMode,
) -> list[tuple[str, str | None]]:
    """Pair each header with its field, or with None where it is ignored.

    `mapping` is by header, whatever its case and spaces; None ignores a column. Columns that it does not name are
    matched by name, and ignored where nothing matches; `custom_labels` are by the custom field's key.

    Raises InvalidField naming each header of the mapping that is not in the file, unknown fields, and columns that
    can't be told apart.
    """
    known = {*FIELDS[entity_type], *(CUSTOM_PREFIX + key for key in custom_labels)}
    names = _list_names(entity_type, custom_labels, mode)
    _require_distinct(header, mapping, known)
    stated = {_fold(name): field for name, field in mapping.items()}
    taken = {field for field in stated.values() if field is not None}
    columns: list[tuple[str, str | None]] = []
    for name in header:
        folded = _fold(name)
        field = stated[folded] if folded in stated else _match(name, names, known)
        is_guess = folded not in stated and field is not None
        columns.append((name, None if is_guess and field in taken else field))
        if field is not None:
            taken.add(field)
    fields = {field for _, field in columns}
    return [(name, None if _is_doubled(name, field, fields, stated) else field) for name, field in columns]


def require_identifiable(
    columns: Sequence[tuple[str, str | None]], *, entity_type: ImportedType, mode: ImportMode, id_property: str | None
) -> str | None:
    """Give what rows are found by: the usual property where none is named, None in mode create.

    Raises InvalidField for one that this type has not, and when no column holds it or none holds anything.
    """
    fields = {field for _, field in columns if field is not None}
    if not fields - {"id"}:
        raise InvalidField.at("/mapping", "no column is mapped to a field")
    if mode is ImportMode.CREATE:
        if id_property is not None:
            raise InvalidField.at("/id_property", "belongs to the modes upsert and update")
        if "id" in {field for _, field in columns}:
            raise InvalidField.at("/mapping", "ids are given by us; map the column to external_id, or to null")
        return None
    choices = [name for name in ID_PROPERTIES[entity_type] if name != "id" or mode is ImportMode.UPDATE]
    chosen = id_property or next((name for name in ("id", *choices) if name in fields and name in choices), choices[0])
    if chosen not in choices:
        raise InvalidField.at("/id_property", f"takes one of {', '.join(choices)}")
    if chosen not in fields:
        raise InvalidField.at("/mapping", f"no column is mapped to {chosen}, by which records are found")
    if "id" in fields and chosen != "id":
        raise InvalidField.at("/mapping", "ids are given by us; map the column to null, or find records by id")
    return chosen


def _fold(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


def _list_names(entity_type: ImportedType, custom_labels: Mapping[str, str], mode: ImportMode) -> dict[str, str]:
    """Give the field of each folded name. A tenant's own label goes before what other systems call our fields."""
    labels = Counter(map(_fold, custom_labels.values()))
    names = {
        **ALIASES[entity_type],
        **{_fold(label): CUSTOM_PREFIX + key for key, label in custom_labels.items() if labels[_fold(label)] == 1},
        **{_fold(field): field for field in FIELDS[entity_type]},
    }
    return {name: field for name, field in names.items() if field != "id" or mode is ImportMode.UPDATE}


def _match(name: str, names: Mapping[str, str], known: Collection[str]) -> str | None:
    lowered = name.strip().lower()
    if lowered.startswith(CUSTOM_PREFIX):
        return lowered if lowered in known else None
    return names.get(_fold(name))


def _is_doubled(name: str, field: str | None, fields: Collection[str | None], stated: Mapping[str, str | None]) -> bool:
    return field in _EXACT and _EXACT[field] in fields and _fold(name) not in stated


def _require_distinct(header: Sequence[str], mapping: Mapping[str, str | None], known: Collection[str]) -> None:
    present = [_fold(name) for name in header]
    wrong = [
        FieldProblem("/file", f"has more than one column {name!r}")
        for number, name in enumerate(header)
        if _fold(name) in present[:number]
    ]
    seen: set[str] = set()
    for name, field in mapping.items():
        pointer = "/mapping/" + escape(name)
        if _fold(name) not in present:
            wrong.append(FieldProblem(pointer, "is no column of the file"))
        elif field is not None and field not in known:
            wrong.append(FieldProblem(pointer, f"{field!r} is no field"))
        elif field is not None and field in seen:
            wrong.append(FieldProblem(pointer, f"{field} is mapped more than once"))
        seen.add(field or "")
    if wrong:
        raise InvalidField("; ".join(f"{one.pointer}: {one.detail}" for one in wrong[:3]), errors=wrong)
