"""What requests about imports look like, and what they answer."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Json, ValidationError

from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import ImportedType, ImportMode, ImportStatus, OnMissingCompany
from crm_shared.features.imports.encodings import require_encoding
from crm_shared.features.imports.file_formats import MAX_COLUMNS, read_name, require_delimiter
from crm_shared.features.imports.value_forms import (
    SEPARATORS,
    require_date_format,
    require_decimal_mark,
    require_value_separator,
)
from crm_shared.http.models import PageQuery, RequestBody, ShortText
from crm_shared.http.problems import refusal_of_validation

_BETWEEN: Final = re.compile(r"[,\s]+")


def _to_upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _to_lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _part(value: object) -> object:
    return tuple(dict.fromkeys(filter(None, _BETWEEN.split(value[:200])))) if isinstance(value, str) else value


# JSON within a form's text: an escape in it is read here first. It is read as what stands in a header.
HeaderText = Annotated[str, AfterValidator(read_name)]


class ImportFields(RequestBody):
    """The text parts of an import's form."""

    entity_type: Annotated[ImportedType, BeforeValidator(_to_upper)]
    mode: Annotated[ImportMode, BeforeValidator(_to_lower)] = ImportMode.CREATE
    id_property: ShortText | None = None
    dry_run: bool = False
    mapping: Json[Annotated[dict[HeaderText, str | None], Field(max_length=MAX_COLUMNS)]] = Field(default={})
    encoding: ShortText | None = None
    delimiter: Annotated[str | None, Field(max_length=3)] = None
    date_format: ShortText | None = None
    decimal_mark: ShortText | None = None
    value_separator: ShortText | None = None
    match_by: Annotated[tuple[str, ...], BeforeValidator(_part)] = ()
    on_missing_company: Annotated[OnMissingCompany, BeforeValidator(_to_lower)] = OnMissingCompany.FAIL

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> "ImportFields":
        """Read the form's texts. Raises InvalidField naming each wrong one; a blank one counts as left out."""
        given = {
            name: text for name, text in texts.items() if text.strip() or (name == "delimiter" and text.strip(" "))
        }
        delimiter = given.pop("delimiter", None)
        try:
            read = cls.model_validate(given)
        except ValidationError as error:
            errors = [_to_body_error(found) for found in error.errors()]
            raise refusal_of_validation(errors) from None
        return read.model_copy(
            update={
                "encoding": None if read.encoding is None else require_encoding(read.encoding),
                "delimiter": None if delimiter is None else require_delimiter(delimiter),
                "date_format": None if read.date_format is None else require_date_format(read.date_format),
                "decimal_mark": None if read.decimal_mark is None else require_decimal_mark(read.decimal_mark),
                "value_separator": None
                if read.value_separator is None
                else require_value_separator(read.value_separator),
            }
        )


def _to_body_error(found: Mapping[str, Any]) -> dict[str, Any]:
    """Say it of the part. Broken JSON in one is a wrong field: the body itself was read."""
    is_json = found["type"] == "json_invalid"
    changed = {"type": "value_error", "msg": "is not valid JSON"} if is_json else {}
    return {**found, "loc": ("body", *found["loc"]), **changed}


def make_form(kinds: Mapping[ImportedType, AnyAdapter]) -> dict[str, Any]:
    """Describe the form for OpenAPI."""
    schema = {
        "type": "object",
        "required": ["file", "entity_type"],
        "additionalProperties": False,
        "properties": _describe_fields(kinds),
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _describe_fields(kinds: Mapping[ImportedType, AnyAdapter]) -> dict[str, Any]:
    """Return the JSON Schema of each field, by name; what it may be is what one of the kinds takes."""
    properties = list(dict.fromkeys(name for kind in kinds.values() for name in kind.match_properties))
    ids = [name for name in properties if any(name in kind.id_properties for kind in kinds.values())]
    missing = [one for one in OnMissingCompany if any(one in kind.on_missing_company for kind in kinds.values())]
    return {
        "file": {"type": "string", "format": "binary", "description": "CSV with a header line"},
        "entity_type": {"type": "string", "enum": list(kinds)},
        "mode": {"type": "string", "enum": list(ImportMode), "default": "create"},
        "id_property": {
            "type": "string",
            "enum": ids,
            "description": "what an upsert or update finds records by",
        },
        "match_by": {
            "type": "string",
            "description": "several properties in place of id_property, one after another: of " + ", ".join(properties),
            "examples": [",".join(properties[:3])],
        },
        "dry_run": {"type": "boolean", "default": False},
        "mapping": {
            "type": "string",
            "description": "JSON object: column header to field, or null to ignore the column."
            " Columns that it does not name are matched by name",
            "examples": ['{"E-Mail": "email", "Shoe size": "cf_shoe_size", "Notes": null}'],
        },
        "encoding": {"type": "string", "description": "found by itself when left out"},
        "delimiter": {"type": "string", "enum": [",", ";", "|", "tab"]},
        "date_format": {
            "type": "string",
            "description": "of its days, such as DD.MM.YYYY; found where a whole column agrees",
        },
        "decimal_mark": {"type": "string", "enum": [".", ","]},
        "value_separator": {"type": "string", "enum": list(SEPARATORS)},
        "on_missing_company": {
            "type": "string",
            "enum": missing,
            "default": "fail",
            "description": "what becomes of a company that is not there",
        },
    }


class ImportCounts(BaseModel):
    rows: int
    created: int
    updated: int
    unchanged: int
    failed: int


class RevertCounts(BaseModel):
    """`kept`: records of which something stays as it is, since it was edited or its old value is taken."""

    deleted: int
    restored: int
    kept: int


class WarningState(BaseModel):
    """What no row fails by: a column left out, a guess. `column` is a header, or empty where it is the whole file."""

    column: str
    detail: str


class PreviewProblem(BaseModel):
    field: str
    reason: str


class PreviewRow(BaseModel):
    """One of the file's first rows. `action`: create, update, unchanged or fail; `record` as it would be then."""

    line: int
    action: str
    record: dict[str, Any] | None
    problems: list[PreviewProblem]


class ImportState(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    version: int
    status: ImportStatus
    entity_type: ImportedType
    mode: ImportMode
    id_property: str | None
    match_by: list[str]
    dry_run: bool
    file_name: str
    file_bytes: int
    encoding: str
    delimiter: str
    date_format: str | None
    decimal_mark: str | None
    value_separator: str | None
    on_missing_company: OnMissingCompany
    mapping: dict[str, str | None]
    warnings: list[WarningState]
    counts: ImportCounts
    progress: Annotated[float, Field(ge=0, le=1, description="of the file, or of taking it back")]
    waits_for: Annotated[
        str | None, Field(description="why it does not go on right now, such as `search.index: 4,000 records behind`")
    ]
    problem: str | None
    preview: list[PreviewRow] | None
    reverted: RevertCounts | None
    created_by: UUID
    created_at: AwareDatetime
    updated_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None


class ImportList(PageQuery):
    status: ImportStatus | None = None
    entity_type: ImportedType | None = None


class ImportPage(BaseModel):
    items: list[ImportState]
    next_cursor: str | None
