"""The types of records that can be imported, each by its adapter."""

from collections.abc import Mapping
from typing import Final

from crm_contacts.imports.company_adapter import CompanyAdapter
from crm_contacts.imports.contact_adapter import ContactAdapter
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import ImportedType

ADAPTERS: Final[Mapping[ImportedType, AnyAdapter]] = {
    ImportedType.CONTACT: ContactAdapter(),
    ImportedType.COMPANY: CompanyAdapter(),
}
