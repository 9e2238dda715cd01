"""From a list's parameters to its WHERE."""

from typing import Final, LiteralString

from crm_deals.deals.schemas import DealList
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing.emptiness import add_emptiness
from crm_shared.listing.equality import add_equality, list_equalities

EXACT: Final = list_equalities(DealList, "d")
"""What is asked for as it is."""

CLAUSES: Final[dict[str, LiteralString]] = {
    "close_date_from": "d.close_date >= {}",
    "close_date_to": "d.close_date <= {}",
    "updated_since": "d.updated_at >= {}",
}

COLUMNS: Final[dict[str, LiteralString]] = {**EXACT, "close_date": "d.close_date"}
"""What `.empty` asks, by filter."""


def to_where(query: DealList, caller: Caller) -> Where:
    """Return the filters, the tenant as $1. Values are parameters, columns stand here in full."""
    where = add_equality(Where(caller.tenant_id), query, EXACT)
    for name, clause in CLAUSES.items():
        value = getattr(query, name)
        if value is not None:
            where.add(clause, value)
    return add_emptiness(where, query, COLUMNS)
