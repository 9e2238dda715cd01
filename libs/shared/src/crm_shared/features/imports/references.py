"""What the rows of one chunk refer to: asked for once a chunk, answered from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_shared.features.custom_fields import Definitions
from crm_shared.features.imports.error_files import RowKey as FailedRow
from crm_shared.features.imports.problems import Warned

NameKey = tuple[str | None, ...]
"""A cell's text, and whatever else decides which record it names."""

NO_COMPANY: Final = "there is no such company"
NO_OWNER: Final = "there is no such active user"
COMPANY: Final = "company"
MAX_COMPANY_TEXT: Final = 1000
"""Letters by which a company is looked for: a page's address may be longer than its name."""


class RowKey(NamedTuple):
    """What a row names its record by: `field` and its value, or the phone in E.164 with both names."""

    field: str
    value: str
    first_name: str = ""
    last_name: str = ""


@dataclass(slots=True)
class Wanted:
    """`ids` by the field that they are of, `names` by their column, in the file's order."""

    ids: dict[str, set[UUID]] = field(default_factory=dict)
    names: dict[str, dict[NameKey, None]] = field(default_factory=dict)
    keys: set[RowKey] = field(default_factory=set)
    failed_rows: set[FailedRow] = field(default_factory=set)

    def list_texts(self, name: str) -> list[str]:
        """Return the cells of the column `name`, where their text alone decides which record they name."""
        return [str(key[0]) for key in self.names.get(name, ())]


def key_by_text(found: Mapping[str, UUID | str]) -> dict[NameKey, UUID | str | None]:
    """Return what was found for the texts of `Wanted.list_texts`, as References takes it."""
    return {(text,): answer for text, answer in found.items()}


@dataclass(frozen=True, slots=True)
class References:
    """What a kind found of what was wanted. `named`: an id, or a reason against it; None is to be left out.

    `row_context`: what else it needs to read rows, such as the region of phones or the zone of times that name none.
    """

    ids: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    named: Mapping[str, Mapping[NameKey, UUID | str | None]] = field(default_factory=dict)
    row_context: Any = None


@dataclass(frozen=True, slots=True)
class Found:
    """What is there and may be referred to.

    `now` is when the rows of this chunk are written. `fields`: those of which the file has a
    column. `ids`, `named` and `row_context` are as in References; `matches`: the
    record of each row's key, or a reason against it; `present`: how an export writes those records. `warned`: what was
    done to have it so.
    """

    now: datetime
    definitions: Definitions
    fields: frozenset[str] = frozenset()
    ids: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    named: Mapping[str, Mapping[NameKey, UUID | str | None]] = field(default_factory=dict)
    row_context: Any = None
    matches: Mapping[RowKey, UUID | str] = field(default_factory=dict)
    present: dict[UUID, dict[str, str]] = field(default_factory=dict)
    taken: frozenset[FailedRow] = frozenset()
    warned: Sequence[Warned] = ()

    def require_id(self, name: str, record_id: UUID) -> UUID:
        if record_id not in self.ids[name]:
            what = name.removesuffix("_id").replace("_", " ")
            raise ValueError(NO_OWNER if name == "owner_id" else f"there is no such {what}")
        return record_id

    def find_named(self, name: str, key: NameKey) -> UUID | None:
        found = self.named[name][key]
        if isinstance(found, str):
            raise ValueError(found)  # noqa: TRY004 - the reason against it, for the errors file
        return found

    def list_missing_companies(self, wanted: Wanted) -> list[NameKey]:
        """Return the names of companies that are not there, in the file's order.

        A deleted company's name in an export that comes back is no wish for a new one.
        """
        shown = {one.get(COMPANY) for one in self.present.values()}
        named = self.named.get(COMPANY, {})
        return [key for key in wanted.names.get(COMPANY, {}) if named[key] == NO_COMPANY and key[0] not in shown]
