"""From a search's parameters to the filters beside its words."""

from crm_search.schemas import SearchQuery
from crm_search.store import Query
from crm_shared.refusals import InvalidField


def to_filters(query: SearchQuery) -> list[Query]:
    """Return all but `type`, which leaves out after counting. Raises InvalidField for a window that ends too early."""
    filters: list[Query] = []
    named = {"owner_id": query.owner_id, "stage_id": query.stage_id, "status": query.status}
    filters += [{"term": {name: str(value)}} for name, value in named.items() if value is not None]
    filters += [{"term": {"tags": tag}} for tag in query.tag]
    since, until = query.changed_from, query.changed_until
    if since is not None and until is not None and since > until:
        raise InvalidField.at("?from", "is after `to`")
    window = {"gte": since and since.isoformat(), "lte": until and until.isoformat()}
    if since is not None or until is not None:
        filters.append({"range": {"updated_at": {name: value for name, value in window.items() if value}}})
    return filters
