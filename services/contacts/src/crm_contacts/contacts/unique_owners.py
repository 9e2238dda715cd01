"""Values that one living contact at most may have, and who has them: its e-mail address and its external id."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from crm_contacts.contacts.domain import Contact, DuplicateExternalId
from crm_contacts.emails import DuplicateEmail
from crm_shared.access import Caller
from crm_shared.access.visible_records import find_seen
from crm_shared.database import Connection
from crm_shared.features.batches import UniqueOwners, UniqueValue
from crm_shared.refusals import Conflict

UNIQUE_FIELDS: Final = ("email", "external_id")

# Folded before the join: under row-level security a comparison with a function's result can't use an index.
FIND_UNIQUE_OWNERS = """
    WITH email AS MATERIALIZED (
        SELECT value, fold_case(value) AS key FROM unnest($2::text[]) AS wanted (value)
    )
    SELECT 'email' AS field, email.value, email.key, c.id
      FROM email
      LEFT JOIN contacts c ON c.tenant_id = $1 AND c.email_key = email.key AND c.deleted_at IS NULL
     UNION ALL
    SELECT 'external_id', wanted.value, wanted.value, c.id
      FROM unnest($3::text[]) AS wanted (value)
      LEFT JOIN contacts c ON c.tenant_id = $1 AND c.external_id = wanted.value AND c.deleted_at IS NULL
"""


async def find_unique_owners(
    connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
) -> UniqueOwners:
    """Look up values by unique field in one round trip: their compared form, and which living contact has each."""
    holders = UniqueOwners()
    for row in await connection.fetch(FIND_UNIQUE_OWNERS, tenant_id, *(list(named[name]) for name in UNIQUE_FIELDS)):
        compared = UniqueValue(row["field"], row["key"])
        holders.compared[UniqueValue(row["field"], row["value"])] = compared
        if row["id"] is not None:
            holders.ids[compared] = row["id"]
    return holders


def to_conflict(value: UniqueValue, holder_id: UUID | None) -> Conflict:
    """Make the refusal; `holder_id` None for a holder that the caller doesn't see."""
    return DuplicateEmail(holder_id) if value.field == "email" else DuplicateExternalId(holder_id)


async def find_seen_contacts(connection: Connection, caller: Caller, contact_ids: Collection[UUID]) -> frozenset[UUID]:
    return await find_seen(connection, caller, "contacts", contact_ids, contact_id="r.id")


async def find_conflict(connection: Connection, caller: Caller, contact: Contact) -> Conflict | None:
    """Return the refusal when another has the contact's e-mail address or external id, None if nobody has.

    It names who has it, if the caller sees them.
    """
    named = {name: [] if (value := getattr(contact, name)) is None else [value] for name in UNIQUE_FIELDS}
    holders = await find_unique_owners(connection, caller.tenant_id, named)
    others = {value: holder for value, holder in holders.ids.items() if holder != contact.id}
    seen = await find_seen_contacts(connection, caller, set(others.values()))
    conflicts = [to_conflict(value, holder if holder in seen else None) for value, holder in others.items()]
    return conflicts[0] if conflicts else None
