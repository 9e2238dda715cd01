"""Contacts, as files bring them in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from crm_contacts.contacts import domain, events
from crm_contacts.contacts.batch import ContactBatch
from crm_contacts.contacts.commands import CreateContact
from crm_contacts.contacts.domain import NAMING_FIELDS, Contact, ContactEvent, NewContact
from crm_contacts.contacts.repository import CONTACT_TABLE, to_contact
from crm_contacts.contacts.unique_owners import UNIQUE_FIELDS, find_unique_owners
from crm_contacts.exports.files import CONTACT_COLUMNS
from crm_contacts.imports.full_names import FULL_NAME, complete_names, part_name
from crm_contacts.imports.full_names import NAMES as _NAMES
from crm_contacts.imports.full_names import SYNONYMS as FULL_NAMES
from crm_contacts.imports.names import FITS, UNSET, list_fields
from crm_contacts.imports.plain_values import read_e164
from crm_contacts.imports.staged_adapter import StagedAdapter
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Connection, Transaction
from crm_shared.features.batches import BatchItem, UniqueOwners
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.imports.adapter import NOBODY, Read, Warn
from crm_shared.features.imports.headers import FieldNames
from crm_shared.features.imports.references import Found, RowKey

FIND: Final = """
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN contacts c ON c.tenant_id = $1 AND c.id = w.id AND c.deleted_at IS NULL
         UNION ALL
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN contacts c ON c.tenant_id = $1 AND c.email_key = w.key AND c.deleted_at IS NULL
         WHERE w.field = 'email'
         UNION ALL
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN contacts c ON c.tenant_id = $1 AND c.external_id = w.value AND c.deleted_at IS NULL
         WHERE w.field = 'external_id'
         UNION ALL
        SELECT w.number, c.id, c.owner_id
          FROM wanted w JOIN contacts c ON c.tenant_id = $1 AND c.phone_e164 = w.value AND c.deleted_at IS NULL
         WHERE w.field = 'phone' AND fold_case(coalesce(c.first_name, '')) = w.first_key
           AND fold_case(coalesce(c.last_name, '')) = w.last_key"""


class ContactAdapter(StagedAdapter[Contact, CreateContact, ContactEvent]):
    records = "contacts"
    record = Contact
    new = NewContact
    table = CONTACT_TABLE
    # Others' ids are our external ids: a file that comes again finds its people by them.
    names = FieldNames(
        fields=(*list_fields(NewContact), FULL_NAME),
        synonyms={
            "first_name": ("firstname", "givenname", "forename", "vorname", "prenom"),
            FULL_NAME: FULL_NAMES,
            "last_name": ("lastname", "surname", "familyname", "nachname", "nomdefamille"),
            "email": (
                "email", "emailaddress", "primaryemail", "email1value", "emailwork", "workemail", "mail",
                "emailhome", "emailother",
            ),
            "phone": (
                "phone", "phonenumber", "primaryphone", "workphone", "businessphone", "phonework", "phone1value",
                "telephone", "telefon", "tel", "mobile", "mobilephone", "mobilephonenumber", "mobilenumber",
                "phonemobile", "homephone", "phonehome", "otherphone", "phoneother",
            ),
            "company": (
                "company", "companyname", "accountname", "organizationname", "organization1name", "organization",
                "organisation", "associatedcompany", "primaryassociatedcompany", "primarycompany", "employer",
                "firma", "unternehmen", "companydomain",
            ),
            "job_title": (
                "jobtitle", "organizationtitle", "organization1title", "position", "role", "title",
            ),
            "source": ("source", "leadsource"),
            "owner": ("owner", "owneremail", "contactowner"),
            "tags": ("tags", "labels", "label", "categories", "groupmembership"),
            "external_id": ("externalid", "recordid", "contactid", "personid"),
        },
        prefixes=("person", "contact"),
        fits=FITS,
        unset=UNSET,
    )  # fmt: skip
    id_properties = ("email", "external_id", "id")
    match_properties = ("id", "external_id", "email", "phone")
    # A phone is no proof of who is meant: with a name it is.
    unsure: ClassVar[Mapping[str, str]] = {"phone": "phone and name"}
    key_fields: ClassVar[Mapping[str, Sequence[str]]] = {"phone": ("phone", *_NAMES)}
    single_values = ("email", "phone")
    naming = ("email", "external_id", "phone")
    derived: ClassVar[Mapping[str, str]] = {"phone_e164": "phone"}
    not_restored = frozenset({"shares", "deleted_at", "merged_into", "erased_at", "created_at"})
    unique_fields = UNIQUE_FIELDS
    exported = CONTACT_COLUMNS
    conflicts: ClassVar[Mapping[str, str]] = {"duplicate-email": "email", "duplicate-external-id": "external_id"}
    find = FIND
    shared_by = "r.id"
    entity_type = EntityType.CONTACT
    mapping = events.MAPPING

    def make_template(self, now: datetime) -> dict[str, Any]:
        return events.to_state(domain.begin(NOBODY, NewContact(owner_id=NOBODY), now=now))

    def complete(
        self, values: dict[str, Any], found: Found, read: Read, present: Mapping[str, str] | None, warn: Warn
    ) -> None:
        del present
        complete_names(values, read, warn)
        phone = values.get("phone")
        if phone is not None:
            values["phone_e164"] = read_e164(phone, found.row_context)

    def find_refusal(self, values: Mapping[str, Any]) -> tuple[str, str] | None:
        if any(name in values for name in NAMING_FIELDS):
            return None
        return "", f"one of {', '.join(NAMING_FIELDS)} is required"

    def make_row_key(self, name: str, read: Read, row_context: Any) -> RowKey | None:
        if name != "phone":
            return super().make_row_key(name, read, row_context)
        e164 = read_e164(read(name), row_context)
        names = [read(one) for one in _NAMES]
        if not any(names):
            names = list(part_name(read(FULL_NAME)))
        return RowKey(name, e164, *names) if e164 is not None and any(names) else None

    async def make_batch(
        self, transaction: Transaction, caller: Caller, clock: Clock, items: Sequence[BatchItem[CreateContact]]
    ) -> ContactBatch:
        del transaction, items
        return ContactBatch(caller, clock)

    def to_new(self, row: Mapping[str, Any], caller: Caller) -> CreateContact:
        return CreateContact(caller, NewContact(**self.read_staged(row)))

    def to_record(self, row: Mapping[str, Any]) -> Contact:
        return to_contact(row)

    def edit(self, record: Contact, changes: Mapping[str, Any], now: datetime, context: Any) -> Sequence[ContactEvent]:
        del context
        event = domain.edit(record, changes, now=now)
        return () if event is None else (event,)

    def delete(self, record: Contact, now: datetime) -> ContactEvent:
        return domain.delete(record, now=now)

    async def find_unique_owners(
        self, connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
    ) -> UniqueOwners:
        return await find_unique_owners(connection, tenant_id, named)
