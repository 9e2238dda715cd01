"""From a list's parameters to its WHERE."""

from crm_contacts.companies.schemas import CompanyList
from crm_contacts.prefixes import starts_with
from crm_shared.access import Caller
from crm_shared.database import Where


def to_where(query: CompanyList, caller: Caller) -> Where:
    """Give the filters, the tenant as $1. Values are parameters, columns stand here in full."""
    where = Where(caller.tenant_id)
    if query.owner_id is not None:
        where.add("c.owner_id = {}", query.owner_id)
    if query.domain is not None:
        where.add("c.domain = {}", query.domain)
    if query.industry is not None:
        where.add("c.industry = {}", query.industry)
    if query.tag is not None:
        where.add("{} = ANY (c.tags)", query.tag)
    if query.q is not None:
        where.add_sql(starts_with(where, query.q, "c.name_key", "c.domain"))
    if query.updated_since is not None:
        where.add("c.updated_at >= {}", query.updated_since)
    return where
