"""From a list's parameters to its WHERE."""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_contacts.contacts.schemas import ContactList
from crm_contacts.list_filters import add_deleted
from crm_contacts.phones import to_e164
from crm_contacts.prefixes import starts_with
from crm_contacts.tag_filters import Filters
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing.emptiness import add_emptiness
from crm_shared.listing.equality import add_equality, list_equalities

EXACT: Final = list_equalities(ContactList, "c")
"""What is asked for as it is."""
COLUMNS: Final[Mapping[str, LiteralString]] = {
    **EXACT,
    "owner_id": "c.owner_id",
    "tag": "nullif(c.tags, '{{}}')",
    "email": "c.email_key",  # which has an index, and is null where the address is
    "phone": "c.phone",
}
"""What `.empty` asks, by filter."""


def to_filters(query: ContactList, caller: Caller, *, region: str | None) -> Filters:
    """Return the filters. Values are parameters, columns stand here in full.

    `region` is the country of a phone that names none, needed when one is asked for.
    """
    where = Where(caller.tenant_id)
    add_deleted(where, deleted=query.deleted)
    if query.deleted:
        where.add("c.merged_into IS NULL").add("c.erased_at IS NULL")
    add_equality(where, query, EXACT)
    if query.email is not None:
        where.add("c.email_key = fold_case({})", query.email)
    if query.phone is not None:
        _add_phone(where, query.phone, region)
    if query.q is not None:
        where.add_sql(starts_with(where, query.q, ("c.name_key", "c.surname_key"), ("c.email_key",)))
    add_emptiness(where, query, COLUMNS)
    if query.updated_since is not None:
        where.add("c.updated_at >= {}", query.updated_since)
    return Filters(where, query.owner_id, query.tag, query.deleted, _is_narrow(query))


def _add_phone(where: Where, phone: str, region: str | None) -> None:
    e164 = to_e164(phone, region) if region is not None else None
    if e164 is not None:
        where.add("c.phone_e164 = {}", e164)
    else:  # a number without the one form is found as it was written
        where.add("c.phone_e164 IS NULL").add("c.phone = {}", phone.strip())


def _is_narrow(query: ContactList) -> bool:
    """Return whether filters that have an index of their own leave few contacts."""
    return (
        query.deleted
        or bool(query.custom_filters)
        or any(value is not None for value in (query.company_id, query.email, query.phone, query.external_id, query.q))
    )
