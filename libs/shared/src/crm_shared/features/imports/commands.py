"""Use cases of imports: begin, cancel, take back. What they ask for, the worker does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from crm_shared.access import Caller, Permission
from crm_shared.clock import Clock
from crm_shared.database import Connection, Database, Transaction, UnitOfWork
from crm_shared.features.custom_fields import read_definitions
from crm_shared.features.imports import domain, repository
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.columns import list_assumed, require_identifiable
from crm_shared.features.imports.domain import (
    Import,
    ImportedType,
    ImportMode,
    ImportNotFound,
    ImportOptions,
    ImportStatus,
    OnMissingCompany,
)
from crm_shared.features.imports.encodings import SHOWN, EncodingDetector, choose_encoding
from crm_shared.features.imports.error_files import find_columns
from crm_shared.features.imports.file_formats import Beginning, list_delimiters, read_beginning
from crm_shared.features.imports.headers import Columns, to_columns
from crm_shared.features.imports.prepare.owners import find_owners
from crm_shared.features.imports.problems import Warned
from crm_shared.features.imports.value_forms import FileForms
from crm_shared.refusals import InvalidField


@dataclass(frozen=True, slots=True)
class BeginImport:
    """The file is stored already, as the pieces of `import_id`; `beginning` is its first piece."""

    caller: Caller
    kind: AnyAdapter
    import_id: UUID
    file_name: str
    file_bytes: int
    beginning: bytes
    detected: EncodingDetector
    entity_type: ImportedType
    mode: ImportMode
    id_property: str | None
    dry_run: bool
    mapping: Mapping[str, str | None]
    encoding: str | None
    delimiter: str | None
    date_format: str | None
    decimal_mark: str | None
    value_separator: str | None
    on_missing_company: OnMissingCompany
    match_by: Sequence[str]

    def to_options(self, encoding: str) -> ImportOptions:
        return ImportOptions(
            forms=FileForms(self.date_format, self.decimal_mark, self.value_separator),
            on_missing_company=self.on_missing_company,
            match_by=self.match_by,
            is_encoding_guessed=self.encoding is None and encoding == "cp1252",
        )


Settle = Callable[[Import], Awaitable[Import]]
"""What is done of an import before it is in the queue, while its caller waits and no transaction is open."""


async def begin_import(
    command: BeginImport, unit_of_work: UnitOfWork, clock: Clock, *, database: Database, settle: Settle | None = None
) -> Import:
    """Put an import into the queue. Raises InvalidField for a file, a mapping or an id_property that can't be."""
    if command.on_missing_company not in command.kind.on_missing_company:
        choices = ", ".join(sorted(command.kind.on_missing_company))
        raise InvalidField.at("/on_missing_company", f"takes one of {choices}; companies are made by their own imports")
    encoding = choose_encoding(command.encoding, command.detected)
    # In a thread: a mebibyte of whatever bytes somebody sends may take longer than the loop can wait.
    beginning = await asyncio.to_thread(read_beginning, command.beginning, encoding, command.delimiter)
    await asyncio.to_thread(_require_rows, command, encoding, beginning.skipped)
    async with database.read(command.caller.tenant_id) as connection:
        columns, warned = await _choose_columns(connection, command, beginning)
    job = _make_import(command, beginning, encoding, columns, warned, now=clock.now())
    if settle is not None:
        job = await settle(job)
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.insert(transaction, job)
    return job


def _make_import(
    command: BeginImport,
    beginning: Beginning,
    encoding: str,
    columns: Columns,
    warned: Sequence[Warned],
    *,
    now: datetime,
) -> Import:
    options = command.to_options(encoding)
    match_by = require_identifiable(
        columns, kind=command.kind, mode=command.mode, id_property=command.id_property, match_by=command.match_by
    )
    return Import(
        tenant_id=command.caller.tenant_id,
        id=command.import_id,
        version=1,
        created_by=command.caller.user_id,
        entity_type=command.entity_type,
        mode=command.mode,
        id_property=next(iter(match_by), None),
        dry_run=command.dry_run,
        status=ImportStatus.QUEUED,
        file_name=command.file_name,
        file_bytes=command.file_bytes,
        encoding=encoding,
        delimiter=beginning.delimiter,
        columns=columns,
        options=replace(options, match_by=match_by if len(match_by) > 1 else options.match_by),
        warnings=[
            *_list_guesses(command, beginning, encoding, options),
            *list_assumed(columns, match_by, command.id_property, command.match_by),
            *warned,
        ],
        created_at=now,
        updated_at=now,
    )


async def cancel_import(caller: Caller, import_id: UUID, unit_of_work: UnitOfWork, clock: Clock) -> Import:
    """End an import where it is; what it has written stays. Raises ImportNotFound, ImportEnded."""
    async with unit_of_work.begin(caller) as transaction:
        job = domain.cancel(await _load(transaction, caller, import_id), now=clock.now())
        await repository.save(transaction, job)
        await repository.delete_pieces(transaction, caller.tenant_id, import_id)
    return job


async def revert_import(caller: Caller, import_id: UUID, unit_of_work: UnitOfWork, clock: Clock) -> Import:
    """Have an import taken back. Raises ImportNotFound, AlreadyReverted, ImportNotEnded, NothingToRevert."""
    async with unit_of_work.begin(caller) as transaction:
        job = domain.request_revert(await _load(transaction, caller, import_id), by=caller.user_id, now=clock.now())
        await repository.save(transaction, job)
    return job


async def _load(transaction: Transaction, caller: Caller, import_id: UUID) -> Import:
    job = await repository.load_for_update(transaction, caller.tenant_id, import_id)
    if not caller.can(Permission.SEE_ALL_IMPORTS) and job.created_by != caller.user_id:
        raise ImportNotFound
    return job


async def _choose_columns(
    connection: Connection, command: BeginImport, beginning: Beginning
) -> tuple[Columns, list[Warned]]:
    tenant_id = command.caller.tenant_id
    entity_type = command.kind.entity_type
    labels = {}
    if entity_type is not None:
        definitions = await read_definitions(connection, tenant_id, entity_type)
        labels = {field.key: field.label for field in definitions.fields.values()}
    ours = find_columns(beginning.header)
    columns, warned = to_columns(
        ["" if number in ours else name for number, name in enumerate(beginning.header)],
        command.mapping,
        names=command.kind.names,
        custom_labels=labels,
        sample=beginning.sample,
        ignored=("id",) if command.mode is ImportMode.CREATE else (),
    )
    columns = [(header, name) for header, (_, name) in zip(beginning.header, columns, strict=True)]
    people = command.kind.people
    number = next((number for number, (_, name) in enumerate(columns) if name == people), None)
    if number is None or columns[number][0].lower() == people or people in command.mapping.values():
        return columns, warned
    texts = {row[number] for row in beginning.sample} - {""}
    if texts and all(isinstance(one, str) for one in (await find_owners(connection, tenant_id, texts)).values()):
        # Another system's people, who are none here: the rows would all fail by a guess of ours.
        header = columns[number][0]
        columns[number] = (header, None)
        warned.append(Warned(header, "left out: none of its first values is an active user's e-mail address or name"))
    return columns, warned


def _list_guesses(command: BeginImport, beginning: Beginning, encoding: str, options: ImportOptions) -> list[Warned]:
    """Say what was taken for granted of the file as a whole."""
    guesses = []
    if options.is_encoding_guessed:
        guesses.append(Warned("", f"read as {SHOWN[encoding]}, a guess: state its encoding if letters look wrong"))
    elif command.encoding is None and command.detected.wrong_bytes and encoding == "utf-8":
        wrong = command.detected.wrong_bytes
        guesses.append(Warned("", f"read as utf-8, a guess: bytes that are no letters of it ({wrong}) fail their rows"))
    if command.encoding is not None and not encoding.startswith("utf") and command.detected.is_utf8:
        stated = SHOWN.get(encoding, encoding)
        guesses.append(Warned("", f"read as {stated}, as stated, though all its letters are those of utf-8"))
    if command.delimiter is None and not beginning.skipped and len(list_delimiters(beginning.header_text)) > 1:
        guesses.append(Warned("", f"parted by {beginning.delimiter!r}, a guess: other marks part its header too"))
    return guesses


def _require_rows(command: BeginImport, encoding: str, skipped: int) -> None:
    """Refuse a file that is nothing but its header, as far as its first piece is the whole of it."""
    if command.file_bytes <= len(command.beginning):
        text = command.beginning.decode(encoding, errors="replace").strip("\ufeff \t\r\n")
        if len(text.splitlines()) <= 1 + skipped:
            raise InvalidField.at("/file", "has no rows after its header")
