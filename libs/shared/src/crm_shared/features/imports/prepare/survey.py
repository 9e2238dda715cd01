"""A first look at the whole file: how its columns write days, numbers and several values. Runs beside the worker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crm_shared.features.imports.domain import Import
from crm_shared.features.imports.prepare.cells import list_columns
from crm_shared.features.imports.problems import Warned
from crm_shared.features.imports.records import Record, RecordReader
from crm_shared.features.imports.value_forms import FileForms, FormSurvey, ValueKind

_USUAL: Final = frozenset({"YYYY-MM-DD", ".", ";"})


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What was found in the file."""

    forms: FileForms
    warnings: list[Warned]


def needs_survey(job: Import, kinds: Mapping[str, ValueKind]) -> bool:
    """Return whether the file has a column whose way of writing is neither stated nor found yet."""
    return not job.options.is_surveyed and bool(_list_open(job, kinds))


def survey(job: Import, kinds: Mapping[str, ValueKind], next_piece: Callable[[], bytes]) -> Surveyed:
    """Read the whole file; a form is found where a whole column agrees on it."""
    columns = _list_open(job, kinds)
    found = FormSurvey(columns)
    for record in RecordReader(next_piece, encoding=job.encoding, delimiter=job.delimiter, width=len(job.columns)):
        if isinstance(record, Record):
            found.feed(record.cells)
    forms = found.result()
    headers = {name: job.columns[index][0] for index, (name, _) in columns.items()}
    kinds_by_name = dict(columns.values())
    warnings = [
        Warned(headers[name], _describe(form, kinds_by_name[name]))
        for name, form in forms.items()
        if form not in _USUAL
    ]
    warnings += [
        Warned(headers[name], "its numbers may be meant with . or , before the decimals: state decimal_mark")
        for name in found.list_undecided()
    ]
    stated = job.options.forms
    return Surveyed(FileForms(stated.date_format, stated.decimal_mark, stated.value_separator, forms), warnings)


def _describe(form: str, kind: ValueKind) -> str:
    if kind is ValueKind.NUMBER:
        return f"read with {form!r} before the decimals, a guess"
    if kind is ValueKind.VALUES:
        return f"its values are parted by {form!r}, a guess"
    return f"read in the form {form}, a guess"


def _list_open(job: Import, kinds: Mapping[str, ValueKind]) -> dict[int, tuple[str, ValueKind]]:
    open_columns = {}
    for column in list_columns(job):
        kind = kinds.get(column.field)
        if kind is ValueKind.VALUES and column.header == column.field:
            continue  # as our own exports have it: nothing is to be guessed
        if kind is not None and job.options.forms.find(column.field, kind) is None:
            open_columns[column.index] = (column.field, kind)
    return open_columns
