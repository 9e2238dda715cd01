"""Forgets what imports hold of people: in rows that failed, in file names, in previews."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction

# What the file said of these people stands in the rows that failed, and in what a dry run showed. An address is looked
# for anywhere in a cell ("Ann <ann@acme.example>"), a number by its digits however they are parted; an external id or
# a name only as the whole cell: it may be as short as `7`.
FILED_IDENTITIES: Final = """
    WITH told AS (
        SELECT fold_case(text) AS text, NULL AS digits, NULL AS whole FROM unnest($2::text[]) AS given (text)
        UNION ALL
        SELECT NULL, number.digits, NULL
          FROM unnest($3::text[]) AS given (phone)
               CROSS JOIN LATERAL (SELECT ltrim(regexp_replace(given.phone, '\\D', '', 'g'), '0') AS digits) AS number
         WHERE length(number.digits) >= 6
        UNION ALL
        SELECT NULL, NULL, fold_case(value) FROM unnest($4::text[]) AS given (value)
    )
"""
# A page at a time: a tenant's failed rows may be millions, and no statement may go on for half a minute.
FORGET_ERRORS: Final = (
    FILED_IDENTITIES  # noqa: S608 - no value is put into it
    + """
    , page AS MATERIALIZED (
        SELECT e.import_id, e.line, e.number, e.cells
          FROM import_errors e
         WHERE e.tenant_id = $1 AND (e.import_id, e.line, e.number) > ($5, $6, $7)
         ORDER BY e.import_id, e.line, e.number
         LIMIT $8
    ), hit AS (
        SELECT p.import_id, p.line
          FROM page p
         WHERE EXISTS (SELECT FROM unnest(p.cells) AS cell JOIN told
                           ON CASE WHEN told.text IS NOT NULL THEN strpos(fold_case(cell), told.text) > 0
                                   WHEN told.digits IS NOT NULL
                                   THEN strpos(regexp_replace(cell, '\\D', '', 'g'), told.digits) > 0
                                   ELSE fold_case(btrim(cell, ' ''')) = told.whole END)
    ), forgotten AS (
        DELETE FROM import_errors e USING hit
         WHERE e.tenant_id = $1 AND e.import_id = hit.import_id AND e.line = hit.line
    )
    SELECT p.import_id, p.line, p.number FROM page p ORDER BY p.import_id DESC, p.line DESC, p.number DESC LIMIT 1
"""
)
PAGE_ROWS: Final = 1000
FORGET_FILE_NAMES: Final = (
    FILED_IDENTITIES  # noqa: S608 - likewise
    + """
    UPDATE imports i SET file_name = 'import.csv', version = version + 1
     WHERE i.tenant_id = $1
       AND EXISTS (SELECT FROM told WHERE strpos(fold_case(i.file_name), told.text) > 0
                                       OR strpos(regexp_replace(i.file_name, '\\D', '', 'g'), told.digits) > 0)
"""
)
FORGET_PREVIEWS: Final = """
    UPDATE imports i SET preview = NULL WHERE i.tenant_id = $1 AND i.preview IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class FiledIdentities:
    """What files call some people: `wholes` count as whole cells alone."""

    addresses: Sequence[str]
    phones: Sequence[str]
    wholes: Sequence[str]


async def forget_identities(
    transaction: Transaction, tenant_id: UUID, identities: FiledIdentities, *, page_rows: int = PAGE_ROWS
) -> None:
    """Delete what imports still hold of people who are called so.

    The files themselves are deleted when their import ends. Of a file that still waits nothing is forgotten: its rows
    have not been written yet.
    """
    identities_by = (list(identities.addresses), list(identities.phones), list(identities.wholes))
    if any(identities_by):
        after: Sequence[object] | None = (UUID(int=0), 0, 0)
        while after is not None:
            after = await transaction.fetchrow(FORGET_ERRORS, tenant_id, *identities_by, *after, page_rows)
        await transaction.execute(FORGET_FILE_NAMES, tenant_id, *identities_by)
    await transaction.execute(FORGET_PREVIEWS, tenant_id)
