"""Custom fields: the rules. No I/O, no clock but the instant handed in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_shared.features.custom_fields.kinds import EntityType, FieldType, IndexState
from crm_shared.refusals import Conflict, FieldProblem, InvalidField, NotFound

KEY = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
MAX_FIELDS = 200
"""Per tenant and entity type: each list, form and event carries them all."""

MAX_INDEXED = 20
"""Of them: each index costs every write of the tenant, and every query of the table some planning."""

MAX_OPTIONS = 1000
"""Per field, retired ones included."""

OPTION_SEPARATOR = ";"
"""Between the options of one value in a CSV file."""

_FIXED = ("entity_type", "key", "field_type")


class CustomFieldNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such custom field.")


class DuplicateKey(Conflict):
    """The entity type has a field with this key; the problem names it as `existing_id`."""

    slug, title = "duplicate-key", "The key is taken"

    def __init__(self, existing_id: UUID) -> None:
        super().__init__("Another custom field has this key.", extensions={"existing_id": existing_id})


class KeyInDeletion(Conflict):
    """A deleted field's values are still being removed: under the same key they would come back to life."""

    slug, title = "custom-field-in-deletion", "The key's old values are still being removed"
    retry_after_s = 5

    def __init__(self) -> None:
        super().__init__("A deleted field had this key, and its values are still being removed. Try again shortly.")


class TooManyCustomFields(Conflict):
    slug, title = "too-many-custom-fields", "No more custom fields fit"

    def __init__(self) -> None:
        super().__init__(f"An entity type takes {MAX_FIELDS} custom fields at most.")


class TooManyIndexes(Conflict):
    slug, title = "too-many-indexes", "No more custom fields can be indexed"

    def __init__(self) -> None:
        super().__init__(f"An entity type takes {MAX_INDEXED} indexed custom fields at most.")


@dataclass(frozen=True, slots=True)
class Option:
    """One choice. `value` is what records hold; a retired one stays where it is held, and nobody new gets it."""

    value: str
    label: str
    retired: bool = False


@dataclass(frozen=True)
class CustomField:
    """A tenant's own field of one entity type. `options` in the order in which a form offers them."""

    id: UUID
    version: int
    entity_type: EntityType
    key: str
    label: str
    field_type: FieldType
    options: tuple[Option, ...]
    required: bool
    indexed: bool
    index_state: IndexState
    used_for_matching: bool
    created_at: datetime
    updated_at: datetime

    @cached_property
    def options_by_value(self) -> Mapping[str, Option]:
        return {option.value: option for option in self.options}

    @cached_property
    def options_by_folded_name(self) -> Mapping[str, frozenset[str]]:
        """The values of the options whose value or label is such, by it in folded case."""
        named: dict[str, frozenset[str]] = {}
        for option in self.options:
            for name in {option.value.casefold(), option.label.casefold()}:
                named[name] = named.get(name, frozenset()) | {option.value}
        return named


@dataclass(frozen=True, slots=True)
class NewCustomField:
    entity_type: EntityType
    key: str
    label: str
    field_type: FieldType
    options: tuple[Option, ...]
    required: bool
    indexed: bool
    used_for_matching: bool


def create(field_id: UUID, new: NewCustomField, *, now: datetime) -> CustomField:
    """Make a field. Raises InvalidField for options or an index that its type can't have."""
    if new.field_type.has_options and not new.options:
        raise InvalidField.at("/options", f"a {new.field_type} field needs one at least")
    _require_options(new.field_type, new.options)
    _require_indexable(new.field_type, is_indexed=new.indexed)
    return CustomField(
        id=field_id,
        version=1,
        entity_type=new.entity_type,
        key=new.key,
        label=new.label,
        field_type=new.field_type,
        options=new.options,
        required=new.required,
        indexed=new.indexed,
        index_state=IndexState.BUILDING if new.indexed else IndexState.NONE,
        used_for_matching=new.used_for_matching,
        created_at=now,
        updated_at=now,
    )


def edit(field: CustomField, changes: Mapping[str, Any], *, now: datetime) -> CustomField | None:
    """Set the named fields; None when all are as they were. Options that are left out are retired.

    Raises InvalidField for what never changes (entity_type, key, field_type), for options or an index that the type
    can't have.
    """
    wrong = [FieldProblem(f"/{name}", "can't be changed") for name in _FIXED if _differs(field, changes, name)]
    if wrong:
        raise InvalidField("; ".join(f"{each.pointer}: {each.detail}" for each in wrong), errors=wrong)
    wanted = dict(changes)
    if "options" in wanted:
        wanted["options"] = _retire_left_out(field.options, wanted["options"])
        _require_options(field.field_type, wanted["options"])
    if wanted.get("indexed", field.indexed) != field.indexed:
        _require_indexable(field.field_type, is_indexed=wanted["indexed"])
        wanted["index_state"] = IndexState.BUILDING if wanted["indexed"] else IndexState.DROPPING
    if all(getattr(field, name) == value for name, value in wanted.items()):
        return None
    return replace(field, **wanted, version=field.version + 1, updated_at=now)


def _differs(field: CustomField, changes: Mapping[str, Any], name: str) -> bool:
    return name in changes and changes[name] != getattr(field, name)


def _retire_left_out(present: Sequence[Option], wanted: Sequence[Option]) -> tuple[Option, ...]:
    named = {option.value for option in wanted}
    return (*wanted, *(replace(option, retired=True) for option in present if option.value not in named))


def _require_options(field_type: FieldType, options: Sequence[Option]) -> None:
    if options and not field_type.has_options:
        raise InvalidField.at("/options", f"a {field_type} field has none")
    if len(options) > MAX_OPTIONS:
        raise InvalidField.at("/options", f"takes {MAX_OPTIONS} at most, retired ones included")
    seen: set[str] = set()
    for index, option in enumerate(options):
        if option.value in seen:
            raise InvalidField.at(f"/options/{index}/value", "is given more than once")
        if field_type is FieldType.MULTI_SELECT and OPTION_SEPARATOR in option.value:
            raise InvalidField.at(f"/options/{index}/value", "holds a semicolon, which parts options in CSV files")
        seen.add(option.value)


def _require_indexable(field_type: FieldType, *, is_indexed: bool) -> None:
    if is_indexed and not field_type.has_order:
        raise InvalidField.at("/indexed", f"a {field_type} field can't be indexed")
