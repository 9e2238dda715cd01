"""The types of records that can be imported, each by its adapter."""

from collections.abc import Mapping
from typing import Final

from crm_contacts.imports.company_kind import CompanyKind
from crm_contacts.imports.contact_kind import ContactKind
from crm_shared.features.imports.domain import ImportedType
from crm_shared.features.imports.kind import AnyKind

KINDS: Final[Mapping[ImportedType, AnyKind]] = {
    ImportedType.CONTACT: ContactKind(),
    ImportedType.COMPANY: CompanyKind(),
}
