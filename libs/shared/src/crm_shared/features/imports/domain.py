"""Imports: what one is, and what may be done with it when. No I/O, no clock but the instant handed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from crm_shared.features.imports.problems import Warned
from crm_shared.features.imports.value_forms import FileForms
from crm_shared.refusals import Conflict, NotFound


class ImportStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REVERTING = "REVERTING"
    REVERTED = "REVERTED"


class ImportMode(StrEnum):
    CREATE = "create"
    UPSERT = "upsert"
    UPDATE = "update"


class ImportedType(StrEnum):
    CONTACT = "CONTACT"
    COMPANY = "COMPANY"
    DEAL = "DEAL"
    ACTIVITY = "ACTIVITY"


ENDED = frozenset({ImportStatus.COMPLETED, ImportStatus.FAILED, ImportStatus.CANCELLED})
MAX_WARNINGS = 200
ITS_TURN = "its turn among the imports"


class ImportNotFound(NotFound):
    """Absent, or somebody else's."""

    def __init__(self) -> None:
        super().__init__("There is no such import.")


class AlreadyReverted(Conflict):
    slug, title = "already-reverted", "The import was taken back already"


class ImportNotEnded(Conflict):
    slug, title = "import-not-ended", "The import is still at work"


class NothingToRevert(Conflict):
    slug, title = "nothing-to-revert", "A dry run wrote nothing"


class ImportEnded(Conflict):
    slug, title = "import-ended", "The import has ended"


class OnMissingCompany(StrEnum):
    CREATE = "create"
    IGNORE = "ignore"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the file is to be read. `forms`: what was stated; once `is_surveyed`, what the file itself tells too.

    `is_encoding_guessed`: nobody has stated it, and it is neither marked nor UTF-8 throughout. `companies`: of names
    that were settled while the file was taken in and that nobody here knows, the company's id, or why there is none.
    """

    forms: FileForms = field(default_factory=FileForms)
    match_by: Sequence[str] = ()
    on_missing_company: OnMissingCompany = OnMissingCompany.FAIL
    is_encoding_guessed: bool = False
    is_surveyed: bool = False
    companies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revert:
    """How far the taking back is, and who asked for it. `kept`: records that were edited since."""

    by: UUID
    deleted: int = 0
    restored: int = 0
    kept: int = 0
    chunks_done: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """One file and what became of it. `columns` pairs each header with its field, None where it is ignored.

    `waits_for` says why it does not go on right now; `turned_at` is when it last made room for others.
    """

    tenant_id: UUID
    id: UUID
    version: int
    created_by: UUID
    entity_type: ImportedType
    mode: ImportMode
    id_property: str | None
    dry_run: bool
    status: ImportStatus
    file_name: str
    file_bytes: int
    encoding: str
    delimiter: str
    columns: Sequence[tuple[str, str | None]]
    created_at: datetime
    updated_at: datetime
    options: ImportOptions = field(default_factory=ImportOptions)
    warnings: Sequence[Warned] = ()
    rows_read: int = 0
    bytes_read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    problem: str | None = None
    preview: Sequence[Mapping[str, Any]] | None = None
    reverted: Revert | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    waits_for: str | None = None
    turned_at: datetime | None = None

    @property
    def match_by(self) -> Sequence[str]:
        """Return what rows are found by, one after another."""
        return self.options.match_by or (() if self.id_property is None else (self.id_property,))

    @property
    def fields(self) -> tuple[str | None, ...]:
        return tuple(name for _, name in self.columns)


def start(waiting: Import, *, now: datetime) -> Import:
    """Let a worker begin; one that goes on after another has died keeps when it was started."""
    return _changed(waiting, now, status=ImportStatus.RUNNING, started_at=waiting.started_at or now)


def wait(working: Import, waits_for: str, *, now: datetime) -> Import:
    """Note what it waits for, until its next rows are written."""
    return _changed(working, now, waits_for=waits_for)


def note_survey(working: Import, forms: FileForms, warnings: Sequence[Warned], *, now: datetime) -> Import:
    """Keep how the whole file writes its values: whoever goes on with it need not look again."""
    options = replace(working.options, forms=forms, is_surveyed=True)
    return _changed(working, now, options=options, warnings=add_warnings(working.warnings, warnings))


def add_warnings(present: Sequence[Warned], more: Sequence[Warned]) -> Sequence[Warned]:
    return [*dict.fromkeys([*present, *more])][:MAX_WARNINGS]


def end_turn(working: Import, *, now: datetime) -> Import:
    """Let others go on in its place; it comes again after those that have waited longer."""
    return _changed(working, now, waits_for=ITS_TURN, turned_at=now)


def complete(running: Import, *, now: datetime) -> Import:
    return _changed(running, now, status=ImportStatus.COMPLETED, finished_at=now, bytes_read=running.file_bytes)


def fail(running: Import, problem: str, *, now: datetime) -> Import:
    """End it early. What its rows have written so far stays, and can be taken back."""
    return _changed(running, now, status=ImportStatus.FAILED, finished_at=now, problem=problem)


def cancel(running: Import, *, now: datetime) -> Import:
    """End it where it is. Raises ImportEnded when there is nothing left to end."""
    if running.status not in {ImportStatus.QUEUED, ImportStatus.RUNNING}:
        raise ImportEnded("Only an import that waits or runs can be cancelled.")
    return _changed(running, now, status=ImportStatus.CANCELLED, finished_at=now)


def request_revert(ended: Import, *, by: UUID, now: datetime) -> Import:
    """Have the worker take it back in the name of `by`. Raises AlreadyReverted, ImportNotEnded, NothingToRevert."""
    if ended.status in {ImportStatus.REVERTING, ImportStatus.REVERTED}:
        raise AlreadyReverted("An import can be taken back once.")
    if ended.status not in ENDED:
        raise ImportNotEnded("Wait for its end, or cancel it first.")
    if ended.dry_run:
        raise NothingToRevert("There is nothing to take back.")
    return _changed(ended, now, status=ImportStatus.REVERTING, reverted=Revert(by))


def conclude_revert(reverting: Import, *, now: datetime) -> Import:
    return _changed(reverting, now, status=ImportStatus.REVERTED)


def _changed(before: Import, now: datetime, **changes: Any) -> Import:
    return replace(before, **{"waits_for": None, **changes}, version=before.version + 1, updated_at=now)
