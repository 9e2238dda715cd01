"""Companies, as files bring them in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_contacts.companies import domain, events
from crm_contacts.companies.batch import CompanyBatch
from crm_contacts.companies.commands import CreateCompany
from crm_contacts.companies.domain import Company, CompanyEvent, NewCompany
from crm_contacts.companies.repository import COMPANY_TABLE, to_company
from crm_contacts.companies.unique_owners import UNIQUE_FIELDS, find_unique_owners
from crm_contacts.exports.files import COMPANY_COLUMNS
from crm_contacts.imports.names import FITS, UNSET, list_fields
from crm_contacts.imports.staged_adapter import StagedAdapter
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Connection, Transaction
from crm_shared.features.batches import BatchItem, UniqueOwners
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.imports.adapter import NOBODY
from crm_shared.features.imports.headers import FieldNames

FIND: Final = """
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.id = w.id AND c.deleted_at IS NULL
         UNION ALL
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.domain = w.value AND c.deleted_at IS NULL
         WHERE w.field = 'domain'"""

LIST_EMPLOYERS: Final = """
    SELECT DISTINCT c.company_id FROM contacts c
     WHERE c.tenant_id = $1 AND c.company_id = ANY ($2) AND c.deleted_at IS NULL
"""


class CompanyAdapter(StagedAdapter[Company, CreateCompany, CompanyEvent]):
    records = "companies"
    record = Company
    new = NewCompany
    table = COMPANY_TABLE
    names = FieldNames(
        fields=list_fields(NewCompany),
        synonyms={
            "name": ("name", "companyname", "accountname", "organizationname", "company", "organization",
                     "organisation", "firma"),
            "domain": ("domain", "domainname", "companydomainname", "companydomain"),
            "industry": ("industry", "branche"),
            "size": ("size", "companysize", "numberofemployees", "employees"),
            "website": ("website", "websiteurl", "url", "homepage", "webpage"),
            "owner": ("owner", "owneremail", "companyowner", "accountowner"),
            "tags": ("tags", "labels", "label", "categories"),
        },
        prefixes=("organization", "account"),
        fits=FITS,
        unset=UNSET,
    )  # fmt: skip
    id_properties = ("domain", "id")
    match_properties = ("id", "domain")
    naming = ("domain", "name")
    unique_fields = UNIQUE_FIELDS
    exported = COMPANY_COLUMNS
    conflicts: ClassVar[Mapping[str, str]] = {"duplicate-domain": "domain"}
    find = FIND
    entity_type = EntityType.COMPANY
    mapping = events.MAPPING

    def make_template(self, now: datetime) -> dict[str, Any]:
        return events.to_state(domain.create(NOBODY, NewCompany(name="", owner_id=NOBODY), now=now).company)

    def find_refusal(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        return None if "name" in values else ("name", "is required")

    async def make_batch(
        self, transaction: Transaction, caller: Caller, clock: Clock, items: Sequence[BatchItem[CreateCompany]]
    ) -> CompanyBatch:
        del transaction, items
        return CompanyBatch(caller, clock)

    def to_new(self, row: Mapping[str, Any], caller: Caller) -> CreateCompany:
        return CreateCompany(caller, NewCompany(**self.read_staged(row)))

    def to_record(self, row: Mapping[str, Any]) -> Company:
        return to_company(row)

    def edit(self, record: Company, changes: Mapping[str, Any], now: datetime, context: Any) -> Sequence[CompanyEvent]:
        del context
        event = domain.edit(record, changes, now=now)
        return () if event is None else (event,)

    async def find_in_use(self, transaction: Transaction, tenant_id: UUID, record_ids: Sequence[UUID]) -> set[UUID]:
        rows = await transaction.fetch(LIST_EMPLOYERS, tenant_id, record_ids)
        return {row["company_id"] for row in rows}

    def delete(self, record: Company, now: datetime) -> CompanyEvent:
        return domain.delete(record, now=now)

    async def find_unique_owners(
        self, connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
    ) -> UniqueOwners:
        return await find_unique_owners(connection, tenant_id, named)
