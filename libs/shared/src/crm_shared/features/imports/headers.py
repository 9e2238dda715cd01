"""Which column of a file is which field: the caller's mapping first, then names that people use, by fit. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from crm_shared.features.imports.problems import Warned
from crm_shared.refusals import FieldProblem, InvalidField, escape

CUSTOM_PREFIX: Final = "cf_"
_SEPARATORS: Final = re.compile(r"[\s_\-.:/()*]+")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")

OWN_NAME, OWN_FOLDED, LABEL, SYNONYM = range(4)
"""How telling a header is: the field's name itself, the same in other letters, a tenant's label, what others say."""

Columns = list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """By what names one type of record's fields are known.

    `synonyms`: folded as `fold` does, the most telling first; what stands in two lists would be a guess. `prefixes`:
    what an export may put before any of them (`Person - Email`). `fits`: whether a text may be a value. `unset`:
    columns of our own exports that nobody sets.
    """

    fields: Sequence[str]
    synonyms: Mapping[str, Sequence[str]]
    prefixes: Sequence[str] = ()
    fits: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    unset: Collection[str] = ()


class _Guess(NamedTuple):
    """In the order in which guesses are taken: a column that holds nothing comes after those that do."""

    is_empty: bool
    how: int
    rank: int
    column: int
    field: str


def fold(name: str) -> str:
    """Return a header without what people write differently: case, separators, accents (`Prénom`, `Prenom`)."""
    if not name.isascii():
        name = _ACCENTS.sub("", unicodedata.normalize("NFKD", name))
    return _SEPARATORS.sub("", name).casefold()


def to_columns(
    header: Sequence[str],
    mapping: Mapping[str, str | None],
    *,
    names: FieldNames,
    custom_labels: Mapping[str, str],
    sample: Sequence[Sequence[str]] = (),
    ignored: Collection[str] = (),
) -> tuple[Columns, list[Warned]]:
    """Pair each header with its field, or with None where it is ignored; and say what was left out.

    `mapping` is by header, as it stands or whatever its case and spaces; None ignores a column. All guesses over the
    columns that it does not name are ranked before any is taken; `custom_labels` are by the custom field's key,
    `sample` holds the file's first rows, `ignored` fields that are none in this mode.

    Raises InvalidField naming each header of the mapping that is not in the file, unknown fields, and wanted columns
    that can't be told apart.
    """
    known = {*names.fields, *(CUSTOM_PREFIX + key for key in custom_labels)}
    stated = _read_mapping(header, mapping, known)
    guesses, warned = _list_guesses(header, stated, _Finder(names, custom_labels, known, ignored), sample, names)
    chosen: dict[int, str | None] = dict(stated)
    taken = {name: number for number, name in stated.items() if name is not None}
    for guess in sorted(guesses):
        if guess.column in chosen:
            continue
        other = taken.get(guess.field)
        if other is None:
            taken[guess.field] = guess.column
            chosen[guess.column] = guess.field
            continue
        if other not in stated and fold(header[other]) == fold(header[guess.column]):
            raise InvalidField.at("/file", f"has more than one column {header[guess.column]!r}")
        warned.append(Warned(header[guess.column], f"left out: {guess.field} is taken from {header[other]!r}"))
    return [(name, chosen.get(number)) for number, name in enumerate(header)], sorted(set(warned))


def _list_guesses(
    header: Sequence[str],
    stated: Mapping[int, str | None],
    finder: "_Finder",
    sample: Sequence[Sequence[str]],
    names: FieldNames,
) -> tuple[list[_Guess], list[Warned]]:
    guesses: list[_Guess] = []
    warned: list[Warned] = []
    for number, name in enumerate(header):
        if number in stated or not name:
            continue
        values = [row[number] for row in sample if row[number]]
        found = finder.find(name)
        if found is None:
            if (values or not sample) and (name not in names.unset or finder.ignores(name)):
                why = "ids are given by us" if finder.ignores(name) else "no field is known by this name"
                warned.append(Warned(name, f"left out: {why}"))
            continue
        how, rank, wanted = found
        fits = names.fits.get(wanted)
        is_guess = how > OWN_NAME or wanted in names.unset  # every system has a column `id`
        if is_guess and fits is not None and values and not any(map(fits, values)):
            warned.append(Warned(name, f"left out: none of its first values can be {wanted}"))
            continue
        guesses.append(_Guess(how > OWN_NAME and bool(sample) and not values, how, rank, number, wanted))
    return guesses, warned


class _Finder:
    """Finds the field of a header's name. A tenant's own label goes before what other systems call our fields."""

    def __init__(
        self, names: FieldNames, custom_labels: Mapping[str, str], known: Collection[str], ignored: Collection[str]
    ) -> None:
        labels = Counter(map(fold, custom_labels.values()))
        self._known = known
        self._ignored = ignored
        self._folded: dict[str, tuple[int, int, str]] = {}
        for wanted, synonyms in names.synonyms.items():
            for rank, synonym in enumerate(synonyms):
                for prefix in ("", *names.prefixes):
                    self._folded.setdefault(prefix + synonym, (SYNONYM, rank, wanted))
        for key, label in custom_labels.items():
            if labels[fold(label)] == 1:
                self._folded[fold(label)] = (LABEL, 0, CUSTOM_PREFIX + key)
        self._folded |= {fold(name): (OWN_FOLDED, 0, name) for name in names.fields}

    def ignores(self, name: str) -> bool:
        return name.strip().lower() in self._ignored

    def find(self, name: str) -> tuple[int, int, str] | None:
        lowered = name.strip().lower()
        if lowered.startswith(CUSTOM_PREFIX):
            return (OWN_NAME, 0, lowered) if lowered in self._known else None
        found = (OWN_NAME, 0, lowered) if lowered in self._known else self._folded.get(fold(name))
        return None if found is None or found[2] in self._ignored else found


def _read_mapping(
    header: Sequence[str], mapping: Mapping[str, str | None], known: Collection[str]
) -> dict[int, str | None]:
    """Return the field of each column that the mapping names: by its header as it stands, else folded."""
    wrong: list[FieldProblem] = []
    stated: dict[int, str | None] = {}
    exact = {number for number, name in enumerate(header) if name in mapping}
    seen: set[str] = set()
    for name, wanted in mapping.items():
        pointer = "/mapping/" + escape(name)
        found = [number for number, one in enumerate(header) if one == name] or [
            number for number, one in enumerate(header) if number not in exact and one and fold(one) == fold(name)
        ]
        if not found:
            wrong.append(FieldProblem(pointer, "is no column of the file"))
        elif wanted is not None and wanted not in known:
            wrong.append(FieldProblem(pointer, f"{wanted!r} is no field"))
        elif wanted is not None and wanted in seen:
            wrong.append(FieldProblem(pointer, f"{wanted} is mapped more than once"))
        elif wanted is not None and len(found) > 1:
            wrong.append(FieldProblem("/file", f"has more than one column {name!r}"))
        stated |= dict.fromkeys(found, wanted)
        seen.add(wanted or "")
    if wrong:
        raise InvalidField("; ".join(f"{one.pointer}: {one.detail}" for one in wrong[:3]), errors=wrong)
    return stated
