"""Where the company's classes meet their names on the wire."""

from dataclasses import fields
from typing import Any, Final

from crm_contacts.companies.domain import (
    Company,
    CompanyCreated,
    CompanyDeleted,
    CompanyEdited,
    CompanyEvent,
    CompanyRestored,
)
from crm_shared.contracts import EventMapping

STATE_FIELDS = tuple(field.name for field in fields(Company))


def to_state(company: Company) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return {name: getattr(company, name) for name in STATE_FIELDS}


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
