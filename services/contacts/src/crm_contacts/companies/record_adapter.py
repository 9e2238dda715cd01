"""Companies as the suite's own work on many records sees them."""

from typing import Final

from crm_contacts.companies.domain import CompanyEdited
from crm_contacts.companies.events import MAPPING
from crm_contacts.companies.repository import COMPANY_COLUMNS, to_company
from crm_shared.record_adapters import RecordAdapter

COMPANIES: Final = RecordAdapter(MAPPING, CompanyEdited, "companies", "c", COMPANY_COLUMNS, to_company, is_audited=True)
