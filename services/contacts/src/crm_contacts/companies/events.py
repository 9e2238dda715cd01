"""Where the company's classes meet their names on the wire."""

from typing import Any, Final

from crm_contacts.companies.domain import (
    FIELDS,
    Company,
    CompanyCreated,
    CompanyDeleted,
    CompanyEdited,
    CompanyEvent,
    CompanyRestored,
)
from crm_shared.contracts import EventMapping


def to_state(company: Company) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return FIELDS.read(company)


MAPPING: Final[EventMapping[Company, CompanyEvent]] = EventMapping(
    "company",
    to_state,
    {
        CompanyCreated: "created",
        CompanyEdited: "updated",
        CompanyDeleted: "deleted",
        CompanyRestored: "restored",
    },
)
