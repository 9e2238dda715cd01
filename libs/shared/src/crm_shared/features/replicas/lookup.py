"""Contacts and companies, as files name them: by address, by another system's id, else by the whole name."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.features.replicas.records import fold_address
from crm_shared.features.replicas.references import CONTACT_OF_RECORD

_EXACT: Final = {"contact": "e-mail address", "company": "domain", "deal": "external id"}

# Folded beforehand: under row-level security a comparison with a function's result can't use an index. Each name is
# looked up for itself, which OFFSET keeps: of a tenant that statistics don't know yet PostgreSQL expects one record,
# and would hold each of thousands against each name.
_LOOK_UP: Final = """
          FROM wanted w
          JOIN LATERAL (
            SELECT r.aggregate, r.id, r.owner_id, r.contact_id
              FROM replica_records r
             WHERE r.tenant_id = $1 AND r.aggregate = $2 AND r.{} = w.{} AND NOT r.is_deleted
            OFFSET 0) r ON true
"""
FIND_NAMED: Final = (
    """
    WITH wanted AS MATERIALIZED (
        SELECT given.text, given.address, given.added,
               fold_case(given.text) AS key, fold_case(given.spaced) AS spaced_key
          FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS given (text, address, added, spaced)
    ), found AS ("""  # noqa: S608 - columns named here
    + "         UNION ALL".join(
        f"\n        SELECT w.text, {rank} AS rank, r.*{_LOOK_UP.format(column, given)}"
        for rank, column, given in (
            (1, "address", "address"),
            (2, "external_id", "text"),
            (3, "name_key", "key"),
            (3, "name_key", "spaced_key"),
            (4, "address", "added"),
        )
    )
    + """    )
    SELECT r.text, r.rank, r.id FROM found r WHERE """
)
FIND_SEEN: Final = """
    SELECT r.id
      FROM replica_records r
     WHERE r.tenant_id = $1 AND r.aggregate = $2 AND r.id = ANY ($3) AND NOT r.is_deleted AND """


async def find_named(
    connection: Connection, caller: Caller, aggregate: str, texts: Collection[str]
) -> dict[str, UUID | str]:
    """Return the record of each text that the caller sees, or why there is none for certain."""
    if not texts:
        return {}
    addresses = [fold_address(text) for text in texts]
    where = Where(
        caller.tenant_id, aggregate, list(texts), addresses, list(map(_find_added, texts)), list(map(to_spaced, texts))
    )
    add_visible(where, caller, "r.owner_id", contact_id=CONTACT_OF_RECORD)
    ranked: dict[str, dict[int, set[UUID]]] = {}
    for row in await connection.fetch(FIND_NAMED + where.sql, *where.parameters):
        ranked.setdefault(row["text"], {}).setdefault(row["rank"], set()).add(row["id"])
    found: dict[str, UUID | str] = dict.fromkeys(texts, f"there is no such {aggregate}")
    for text, by_rank in ranked.items():
        ids = by_rank[min(by_rank)]
        many = f"more than one {aggregate} is called so; name its {_EXACT[aggregate]}"
        found[text] = next(iter(ids)) if len(ids) == 1 else many
    return found


def to_spaced(text: str) -> str:
    """Return a name with one space between its words, as people mean it who typed two."""
    return " ".join(text.split())


def _find_added(text: str) -> str | None:
    """Return the address that stands behind a name: `Zoe O (zoe@acme.example)`, as HubSpot has it."""
    for begin, end in (" (", ")"), (" <", ">"):
        if text.endswith(end):
            added = text[:-1].rpartition(begin)[2]
            return fold_address(added) if "." in added else None
    return None


async def find_seen_ids(
    connection: Connection, caller: Caller, aggregate: str, record_ids: Collection[UUID]
) -> frozenset[UUID]:
    """Return those of the records that are there and that the caller sees."""
    if not record_ids:
        return frozenset()
    where = Where(caller.tenant_id, aggregate, list(record_ids))
    add_visible(where, caller, "r.owner_id", contact_id=CONTACT_OF_RECORD)
    rows = await connection.fetch(FIND_SEEN + where.sql, *where.parameters)
    return frozenset(row["id"] for row in rows)
