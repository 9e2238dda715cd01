"""A tenant's custom fields of one entity type, and the checks that a write holds `custom_data` against."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from crm_shared.database import Where
from crm_shared.features.custom_fields.domain import CustomField
from crm_shared.features.custom_fields.filters import add_filters
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.features.custom_fields.values import from_text, to_stored
from crm_shared.json_text import to_json
from crm_shared.refusals import FieldProblem, InvalidField, escape

MAX_STORED_BYTES = 100_000
"""Of one record's custom_data as JSON: an event carries it up to three times and must fit a Kafka record."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class UnknownCustomField(InvalidField):
    slug, title = "unknown-custom-field", "There is no such custom field"


class Definitions:
    """The living fields by key. Read them in the transaction that writes the record: `load_definitions`."""

    def __init__(self, tenant_id: UUID, entity_type: EntityType | None, fields: Iterable[CustomField]) -> None:
        self.tenant_id = tenant_id
        self.entity_type = entity_type
        self.fields: Mapping[str, CustomField] = {field.key: field for field in fields}

    def check(
        self, values: Mapping[str, Any], *, partial: bool, present: Mapping[str, Any] = NOTHING
    ) -> dict[str, Any]:
        """Return `values` in their stored form.

        Whole (`partial=False`): what a new record holds; blank values are left out, required fields must be there.
        Partial: the keys that `values` names, None where one is cleared; `merge` puts them into `present`, which is
        what the record holds, so that a retired option may stay.

        Raises UnknownCustomField when a key is not defined, else InvalidField; either names each wrong value at
        /custom_data/<key>.
        """
        checked: dict[str, Any] = {}
        wrong: list[FieldProblem] = []
        unknown = [FieldProblem(to_pointer(key), "is not a custom field") for key in values if key not in self.fields]
        for key in values.keys() & self.fields.keys():
            try:
                checked[key] = self._check_value(self.fields[key], values[key], present.get(key))
            except ValueError as error:
                wrong.append(FieldProblem(to_pointer(key), str(error)))
        if not partial:
            wrong += [
                FieldProblem(to_pointer(field.key), "is required")
                for field in self.fields.values()
                if field.required and field.key not in values
            ]
            checked = {key: value for key, value in checked.items() if value is not None}
        _refuse(unknown, wrong)
        _require_fits(checked)
        return checked

    def merge(self, present: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole custom_data of a record that holds `present`, once `values` are set: null removes a key.

        Raises what `check` raises.
        """
        checked = self.check(values, partial=True, present=present)
        merged = {key: value for key, value in {**present, **checked}.items() if value is not None}
        if checked:
            _require_fits(merged)
        return merged

    def keep_known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what is no field any more: for values that were put aside and come back (undo, revert)."""
        return {key: value for key, value in values.items() if key in self.fields}

    def parse_text(self, key: str, text: str) -> Any:
        """Read one cell of a CSV file into the stored form; None when it is blank.

        MULTI_SELECT parts its options by semicolons; options may be named by value or label. Raises
        UnknownCustomField, InvalidField.
        """
        field = self.fields.get(key)
        if field is None:
            _refuse([FieldProblem(to_pointer(key), "is not a custom field")], [])
            return None
        try:
            return from_text(field, text)
        except ValueError as error:
            raise InvalidField.at(to_pointer(key), str(error)) from None

    def add_filters(self, where: Where, parameters: Mapping[str, str], alias: str | None = None) -> Where:
        """AND the `cf_` parameters of a list or export to `where`; others are left alone.

        The statement calls the entity's table `alias` (contacts and companies `c`, deals `d` unless told). Raises
        InvalidField naming each parameter that is unknown or holds no value of its field.
        """
        return add_filters(self, where, parameters, alias)

    def _check_value(self, field: CustomField, value: Any, present: Any) -> Any:
        stored = None if value is None else to_stored(field, value, present)
        if stored is None and field.required:
            raise ValueError("is required")
        return stored


def to_pointer(key: str) -> str:
    """Write where a value of custom_data stood, as a JSON pointer (RFC 6901)."""
    return "/custom_data/" + escape(key)


def _refuse(unknown: list[FieldProblem], wrong: list[FieldProblem]) -> None:
    errors = sorted([*unknown, *wrong], key=lambda error: error.pointer)
    if errors:
        detail = "; ".join(f"{error.pointer}: {error.detail}" for error in errors[:3])
        raise (UnknownCustomField if unknown else InvalidField)(detail, errors=errors)


def _require_fits(values: Mapping[str, Any]) -> None:
    if len(to_json(values)) > MAX_STORED_BYTES:
        raise InvalidField.at("/custom_data", f"takes {MAX_STORED_BYTES} bytes at most")
