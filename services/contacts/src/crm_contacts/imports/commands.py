"""Use cases of imports: begin, cancel, take back. What they ask for, the worker does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_contacts.imports import domain, repository
from crm_contacts.imports.columns import require_identifiable, to_columns
from crm_contacts.imports.domain import Import, ImportedType, ImportMode, ImportNotFound, ImportStatus
from crm_contacts.imports.formats import EncodingDetector, choose_encoding, read_header
from crm_shared.access import Caller, Permission
from crm_shared.clock import Clock
from crm_shared.custom_fields import EntityType, read_definitions
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.refusals import InvalidField

MAX_COLUMNS: Final = 1000


@dataclass(frozen=True, slots=True)
class BeginImport:
    """The file is stored already, as the pieces of `import_id`; `beginning` is its first piece."""

    caller: Caller
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


async def begin_import(command: BeginImport, unit_of_work: UnitOfWork, clock: Clock) -> Import:
    """Put an import into the queue. Raises InvalidField for a file, a mapping or an id_property that can't be."""
    encoding = choose_encoding(command.encoding, command.detected)
    header, delimiter = read_header(command.beginning, encoding, command.delimiter)
    if len(header) > MAX_COLUMNS:
        raise InvalidField.at("/file", f"takes {MAX_COLUMNS} columns at most")
    _require_rows(command, encoding)
    now = clock.now()
    async with unit_of_work.begin(command.caller) as transaction:
        tenant_id = command.caller.tenant_id
        definitions = await read_definitions(transaction, tenant_id, EntityType(command.entity_type))
        columns = to_columns(
            header,
            command.mapping,
            entity_type=command.entity_type,
            custom_labels={field.key: field.label for field in definitions.fields.values()},
            mode=command.mode,
        )
        id_property = require_identifiable(
            columns, entity_type=command.entity_type, mode=command.mode, id_property=command.id_property
        )
        job = Import(
            tenant_id=tenant_id,
            id=command.import_id,
            version=1,
            created_by=command.caller.user_id,
            entity_type=command.entity_type,
            mode=command.mode,
            id_property=id_property,
            dry_run=command.dry_run,
            status=ImportStatus.QUEUED,
            file_name=command.file_name,
            file_bytes=command.file_bytes,
            encoding=encoding,
            delimiter=delimiter,
            columns=columns,
            created_at=now,
            updated_at=now,
        )
        await repository.insert(transaction, job)
    return job


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


def _require_rows(command: BeginImport, encoding: str) -> None:
    """Refuse a file that is nothing but its header, as far as its first piece is the whole of it."""
    if command.file_bytes <= len(command.beginning):
        text = command.beginning.decode(encoding, errors="replace").removeprefix("\ufeff").strip()
        if len(text.splitlines()) <= 1:
            raise InvalidField.at("/file", "has no rows after its header")
