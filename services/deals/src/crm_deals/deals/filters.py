"""From a list's parameters to its WHERE."""

from crm_deals.deals.schemas import DealList
from crm_shared.access import Caller
from crm_shared.database import Where


def to_where(query: DealList, caller: Caller) -> Where:
    """Give the filters, the tenant as $1. Values are parameters, columns stand here in full."""
    where = Where(caller.tenant_id)
    if query.owner_id is not None:
        where.add("d.owner_id = {}", query.owner_id)
    if query.contact_id is not None:
        where.add("d.contact_id = {}", query.contact_id)
    if query.company_id is not None:
        where.add("d.company_id = {}", query.company_id)
    if query.pipeline_id is not None:
        where.add("d.pipeline_id = {}", query.pipeline_id)
    if query.stage_id is not None:
        where.add("d.stage_id = {}", query.stage_id)
    if query.status is not None:
        where.add("d.status = {}", query.status)
    if query.external_id is not None:
        where.add("d.external_id = {}", query.external_id)
    if query.currency is not None:
        where.add("d.currency = {}", query.currency)
    if query.updated_since is not None:
        where.add("d.updated_at >= {}", query.updated_since)
    return where
