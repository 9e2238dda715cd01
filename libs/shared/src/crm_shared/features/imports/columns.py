"""What rows are found by, and whether the file says it. Pure."""

from collections.abc import Collection, Sequence

from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import ImportMode
from crm_shared.features.imports.problems import Warned
from crm_shared.refusals import InvalidField


def require_identifiable(
    columns: Sequence[tuple[str, str | None]],
    *,
    kind: AnyAdapter,
    mode: ImportMode,
    id_property: str | None,
    match_by: Sequence[str] = (),
) -> Sequence[str]:
    """Return what rows are found by, one after another: the usual properties where none is named, none in mode create.

    The ids of our own exports go first, unless the caller says where: whoever has no e-mail address would come twice.

    Raises InvalidField for one that this type has not, and when no column holds it or none holds anything.
    """
    fields = {field for _, field in columns if field is not None}
    if not fields - {"id"}:
        read = ", ".join(repr(name[:40]) for name, _ in columns[:10])
        raise InvalidField.at("/mapping", f"no column is mapped to a field. The file's are read as {read}")
    if match_by:
        _require_matching(fields, kind=kind, mode=mode, id_property=id_property, match_by=match_by)
        chosen = tuple(match_by)
    elif mode is ImportMode.CREATE:
        if id_property is not None:
            raise InvalidField.at("/id_property", "belongs to the modes upsert and update")
        if "id" in fields:
            raise InvalidField.at("/mapping", "ids are given by us; map the column to external_id, or to null")
        return ()
    else:
        chosen = (_choose_property(fields, kind=kind, mode=mode, id_property=id_property),)
    return chosen if "id" in chosen or "id" not in fields else ("id", *chosen)


def list_assumed(
    columns: Sequence[tuple[str, str | None]], found_by: Sequence[str], id_property: str | None, match_by: Sequence[str]
) -> list[Warned]:
    """Say that ids go before what the caller has named."""
    stated = match_by or (() if id_property is None else (id_property,))
    if not stated or "id" in stated or "id" not in found_by:
        return []
    return [
        Warned(header, "records are found by their ids first; map the column to null if these are not ours")
        for header, name in columns
        if name == "id"
    ]


def _choose_property(fields: Collection[str], *, kind: AnyAdapter, mode: ImportMode, id_property: str | None) -> str:
    choices = kind.id_properties
    # Rows that a person adds to an export have no id: an upsert finds those by the usual property.
    usual = ("id", *choices) if mode is ImportMode.UPDATE else choices
    chosen = id_property or next((name for name in usual if name in fields), choices[0])
    if chosen not in choices:
        raise InvalidField.at("/id_property", f"takes one of {', '.join(choices)}")
    if chosen not in fields:
        raise InvalidField.at("/mapping", f"no column is mapped to {chosen}, by which records are found")
    return chosen


def _require_matching(
    fields: Collection[str],
    *,
    kind: AnyAdapter,
    mode: ImportMode,
    id_property: str | None,
    match_by: Sequence[str],
) -> None:
    if mode is ImportMode.CREATE:
        raise InvalidField.at("/match_by", "belongs to the modes upsert and update")
    if id_property is not None:
        raise InvalidField.at("/match_by", "says more than id_property does: name one of the two")
    choices = kind.match_properties
    if unknown := [name for name in match_by if name not in choices]:
        raise InvalidField.at("/match_by", f"{unknown[0]!r} is none of {', '.join(choices)}")
    if missing := [name for name in match_by if name not in fields]:
        raise InvalidField.at("/match_by", f"no column is mapped to {missing[0]}")
