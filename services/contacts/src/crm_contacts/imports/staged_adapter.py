"""What contacts and companies have in common as files bring them in: new ones are written set by set."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_contacts.companies.repository import find_visible
from crm_contacts.contacts.repository import load_region
from crm_contacts.exports import files
from crm_contacts.imports.company_names import find_companies, find_domain
from crm_contacts.imports.missing_companies import create_companies
from crm_contacts.imports.names import EXACT
from crm_contacts.imports.rows import StagedRows
from crm_contacts.imports.staging import copy_rows, insert_staged, list_staged
from crm_contacts.imports.values import READERS, read_tags
from crm_shared.access import Caller
from crm_shared.access.active_users import find_active
from crm_shared.access.directory import list_visible_owners
from crm_shared.clock import Clock
from crm_shared.database import Connection, Database, Transaction
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.imports.adapter import EventT, ImportAdapter, NewT, Read, RecordT
from crm_shared.features.imports.domain import Import, ImportMode, OnMissingCompany
from crm_shared.features.imports.prepare.owners import find_owners
from crm_shared.features.imports.problems import Warned
from crm_shared.features.imports.references import COMPANY, Found, NameKey, References, Wanted, key_by_text
from crm_shared.features.imports.value_forms import ValueKind

COMPANIES_MADE: Final = "companies that were not there were made"


class StagedAdapter(ImportAdapter[RecordT, NewT, EventT]):
    """`exported`: the columns of an export. `staged_records`: the temporary table.

    There is one of each type, as prepared statements on one that changed its columns would be refused.
    """

    readers: ClassVar[Mapping[str, Callable[[str], Any]]] = READERS
    list_readers: ClassVar[Mapping[str, Callable[[str, str], Any]]] = {"tags": read_tags}
    forms: ClassVar[Mapping[str, ValueKind]] = {"tags": ValueKind.VALUES}
    references: ClassVar[Mapping[str, str]] = EXACT
    exported: ClassVar[Sequence[str]]

    @property
    def staged_records(self) -> str:
        return "staged_" + self.records

    @property
    def staged(self) -> tuple[str, ...]:
        """Return its columns in the staging table, in COPY's order.

        They stand between the two that all have (number, id) and the three last (custom_data, refusal, payload).
        """
        return tuple(name for name in self.list_new_fields() if name != "custom_data")

    @abstractmethod
    def make_template(self, now: datetime) -> dict[str, Any]:
        """Return the state of a record with nothing in it."""

    def make_name_key(self, name: str, text: str, read: Read) -> NameKey:
        del read
        return (text, find_domain(text)) if name == COMPANY else (text,)

    async def look_up(self, connection: Connection, caller: Caller, wanted: Wanted) -> References:
        owners = await find_owners(connection, caller.tenant_id, wanted.list_texts("owner"))
        return References(
            ids={
                "company_id": await find_visible(connection, caller, wanted.ids.get("company_id", ())),
                "owner_id": await find_active(connection, caller, wanted.ids.get("owner_id", ())),
            },
            named={
                COMPANY: await find_companies(connection, caller, wanted.names.get(COMPANY, ())),
                "owner": key_by_text(owners),
            },
            row_context=await load_region(connection, caller.tenant_id),
        )

    async def resolve_missing(
        self, database: Database, caller: Caller, wanted: Wanted, found: Found, job: Import, clock: Clock
    ) -> Found:
        if job.options.on_missing_company is not OnMissingCompany.CREATE:
            return await super().resolve_missing(database, caller, wanted, found, job, clock)
        missing = found.list_missing_companies(wanted)
        made: Mapping[NameKey, UUID | str | None] = dict.fromkeys(missing)
        if missing and not job.dry_run:
            made = await create_companies(database, caller, missing, job, clock)
        header = next((header for header, name in job.columns if name == COMPANY), COMPANY)
        warned = [Warned(header, COMPANIES_MADE)] if any(isinstance(one, UUID) for one in made.values()) else []
        return replace(found, named={**found.named, COMPANY: {**found.named[COMPANY], **made}}, warned=warned)

    async def write_cells(
        self, connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], definitions: Definitions
    ) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        lines = await files.to_lines(connection, caller, rows, self.exported, definitions)
        return files.list_headers(self.exported, definitions), lines

    def gather_rows(self, found: Found, actor_id: UUID) -> StagedRows:
        return StagedRows(self.aggregate, self.staged, self.make_template(found.now), actor_id)

    async def write_new(
        self, transaction: Transaction, job: Import, found: Found, rows: Any, caller: Caller, count: int
    ) -> list[UUID | None]:
        await copy_rows(transaction, self, rows)
        if job.mode is ImportMode.UPDATE:
            return [None] * count
        owners = await list_visible_owners(transaction, caller)
        return await insert_staged(transaction, job, self, found, owners=owners)

    async def list_rows(self, transaction: Transaction, rows: Any, numbers: Sequence[int]) -> list[Mapping[str, Any]]:
        del rows
        return await list_staged(transaction, self, numbers)

    def read_staged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a staged row, as the class of a new record takes them."""
        return {name: row[name] for name in self.list_new_fields()} | {"tags": tuple(row["tags"])}

    def to_changes(self, changes: dict[str, Any]) -> dict[str, Any]:
        return {**changes, "tags": tuple(changes["tags"])} if "tags" in changes else changes

    def read_stored(self, name: str, stored: Any) -> Any:
        if name in EXACT.values() and stored is not None:
            return UUID(stored)
        return tuple(stored) if name == "tags" else stored
