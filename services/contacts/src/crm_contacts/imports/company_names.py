"""Companies, as a file of contacts names them: by domain, else by name."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from uuid import UUID

from crm_contacts.companies.internet import to_domain
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.features.imports.references import NO_COMPANY, NameKey

# Folded before the join: under row-level security a comparison with a function's result can't use an index.
FIND_COMPANIES: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT given.text, given.domain, fold_case(given.name) AS key
          FROM unnest($2::text[], $3::text[], $4::text[]) AS given (text, domain, name)
    ), found AS (
        SELECT w.text, c.id, c.owner_id, true AS is_domain
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.domain = w.domain AND c.deleted_at IS NULL
         UNION ALL
        SELECT w.text, c.id, c.owner_id, false
          FROM wanted w JOIN companies c ON c.tenant_id = $1 AND c.name_key = w.key AND c.deleted_at IS NULL
    )
    SELECT c.text, c.id, c.is_domain FROM found c WHERE """
MANY_COMPANIES: Final = "more than one company is called so; name its domain"


async def find_companies(
    connection: Connection, caller: Caller, keys: Iterable[NameKey]
) -> dict[NameKey, UUID | str | None]:
    """Return the company of each text and the domain that it may be, or why there is none."""
    by_text = {str(text): domain for text, domain in keys}
    if not by_text:
        return {}
    named = [(text, domain, name) for text, domain in by_text.items() for name in {text, to_spaced(text)}]
    where = add_visible(Where(caller.tenant_id, *map(list, zip(*named, strict=True))), caller, "c.owner_id")
    by_domain: dict[str, UUID] = {}
    by_name: dict[str, set[UUID]] = {}
    for row in await connection.fetch(FIND_COMPANIES + where.sql, *where.parameters):
        if row["is_domain"]:
            by_domain[row["text"]] = row["id"]
        else:
            by_name.setdefault(row["text"], set()).add(row["id"])
    found: dict[str, UUID | str] = dict.fromkeys(by_text, NO_COMPANY)
    found |= {text: next(iter(ids)) if len(ids) == 1 else MANY_COMPANIES for text, ids in by_name.items()}
    found |= by_domain
    return {(text, domain): found[text] for text, domain in by_text.items()}


def to_spaced(text: str) -> str:
    """Return a name with one space between its words, as people mean it who typed two."""
    return " ".join(text.split())


@lru_cache(maxsize=20_000)
def find_domain(text: str) -> str | None:
    """Return the domain that a text may be; None where it is none."""
    try:
        return to_domain(text)
    except ValueError:
        return None
