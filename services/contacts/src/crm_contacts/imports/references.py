"""What the rows of one chunk refer to: asked for once a chunk, answered from the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_contacts.companies.repository import find_visible
from crm_contacts.contacts.repository import load_region
from crm_contacts.owners import find_active
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.custom_fields import Definitions, EntityType, load_definitions
from crm_shared.database import Connection, Database, Where


@dataclass(slots=True)
class Wanted:
    """`companies`: the cells' texts, each with the domain that it may be; `owners`: e-mail addresses."""

    company_ids: set[UUID] = field(default_factory=set)
    companies: dict[str, str | None] = field(default_factory=dict)
    owner_ids: set[UUID] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Found:
    """What is there and may be referred to. `companies` and `owners` give an id for a text, or a reason against it.

    `now` is when the rows of this chunk are written, `region` the country of phones that name none.
    """

    now: datetime
    region: str
    definitions: Definitions
    company_ids: frozenset[UUID]
    companies: Mapping[str, UUID | str]
    owner_ids: frozenset[UUID]
    owners: Mapping[str, UUID | str]

    def require_company_id(self, company_id: UUID) -> UUID:
        if company_id not in self.company_ids:
            raise ValueError("there is no such company")
        return company_id

    def require_owner_id(self, owner_id: UUID) -> UUID:
        if owner_id not in self.owner_ids:
            raise ValueError("there is no such active user")
        return owner_id

    def find_company(self, text: str) -> UUID:
        return _require(self.companies[text])

    def find_owner(self, text: str) -> UUID:
        return _require(self.owners[text])


def _require(found: UUID | str) -> UUID:
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - the reason against it, for the errors file
    return found


# Folded before the join: under row-level security a comparison with a function's result can't use an index.
FIND_COMPANIES: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT given.text, given.domain, fold_case(given.text) AS key
          FROM unnest($2::text[], $3::text[]) AS given (text, domain)
    ), found AS (
        SELECT w.text, c.id, c.owner_id, true AS is_domain
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.domain = w.domain AND c.deleted_at IS NULL
         UNION ALL
        SELECT w.text, c.id, c.owner_id, false
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.name_key = w.key AND c.deleted_at IS NULL
    )
    SELECT c.text, c.id, c.is_domain FROM found c WHERE """

FIND_OWNERS: Final = """
    SELECT given.text, u.id
      FROM unnest($2::text[]) AS given (text)
      JOIN directory_users u ON u.tenant_id = $1 AND fold_case(u.email) = fold_case(given.text) AND u.active
"""

NO_COMPANY: Final = "there is no such company"
MANY_COMPANIES: Final = "more than one company is called so; name its domain"
NO_OWNER: Final = "there is no such active user"


async def find_references(
    database: Database, caller: Caller, wanted: Wanted, *, entity_type: EntityType, now: datetime
) -> Found:
    """Answer what one chunk's rows refer to, in the caller's sight."""
    async with database.read(caller.tenant_id) as connection:
        return Found(
            now=now,
            region=await load_region(connection, caller.tenant_id),
            definitions=await load_definitions(connection, caller.tenant_id, entity_type),
            company_ids=await find_visible(connection, caller, wanted.company_ids),
            companies=await _find_companies(connection, caller, wanted.companies),
            owner_ids=await find_active(connection, caller, wanted.owner_ids),
            owners=await _find_owners(connection, caller.tenant_id, wanted.owners),
        )


async def _find_companies(
    connection: Connection, caller: Caller, texts: Mapping[str, str | None]
) -> dict[str, UUID | str]:
    if not texts:
        return {}
    where = add_visible(Where(caller.tenant_id, list(texts), list(texts.values())), caller, "c.owner_id")
    by_domain: dict[str, UUID] = {}
    by_name: dict[str, list[UUID]] = {}
    for row in await connection.fetch(FIND_COMPANIES + where.sql, *where.parameters):
        if row["is_domain"]:
            by_domain[row["text"]] = row["id"]
        else:
            by_name.setdefault(row["text"], []).append(row["id"])
    found: dict[str, UUID | str] = dict.fromkeys(texts, NO_COMPANY)
    found |= {text: ids[0] if len(ids) == 1 else MANY_COMPANIES for text, ids in by_name.items()}
    return found | by_domain


async def _find_owners(connection: Connection, tenant_id: UUID, emails: Collection[str]) -> dict[str, UUID | str]:
    if not emails:
        return {}
    rows = await connection.fetch(FIND_OWNERS, tenant_id, list(emails))
    return {**dict.fromkeys(emails, NO_OWNER), **{row["text"]: row["id"] for row in rows}}
