"""Forgets what imports no longer need: files whose upload was never finished, and errors past their time."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_contacts.settings import ContactsSettings
from crm_shared.database import Database, Transaction

UPLOAD_HOURS: Final = 1
"""Pieces without an import whose last came this long ago belong to an upload that was broken off."""

DROP_BROKEN_OFF: Final = """
    DELETE FROM import_pieces p
     WHERE NOT EXISTS (SELECT FROM imports i WHERE i.tenant_id = p.tenant_id AND i.id = p.import_id)
       AND NOT EXISTS (SELECT FROM import_pieces last
                        WHERE last.tenant_id = p.tenant_id AND last.import_id = p.import_id
                          AND last.stored_at >= now() - make_interval(hours => $1))
"""
DROP_OLD_ERRORS: Final = """
    DELETE FROM import_errors e
     USING imports i
     WHERE i.tenant_id = e.tenant_id AND i.id = e.import_id AND i.finished_at < now() - make_interval(days => $1)
"""
DROP_OLD_PREVIEWS: Final = """
    UPDATE imports SET preview = NULL
     WHERE preview IS NOT NULL AND finished_at < now() - make_interval(days => $1)
"""

# What the file said of these people stands in the rows that failed, and in what a dry run showed. An address is looked
# for anywhere in a cell ("Ann <ann@acme.example>"), a number by its digits however they are parted; an external id only
# as the whole cell: it may be as short as `7`.
TOLD: Final = """
    WITH person AS (
        SELECT c.email, c.phone, c.phone_e164, c.external_id FROM contacts c WHERE c.tenant_id = $1 AND c.id = ANY ($2)
    ), told AS (
        SELECT fold_case(email) AS text, NULL AS digits, NULL AS whole FROM person WHERE email IS NOT NULL
        UNION ALL
        SELECT NULL, number.digits, NULL
          FROM person CROSS JOIN LATERAL unnest(ARRAY[phone, phone_e164]) AS given (phone)
               CROSS JOIN LATERAL (SELECT ltrim(regexp_replace(given.phone, '\\D', '', 'g'), '0') AS digits) AS number
         WHERE length(number.digits) >= 6
        UNION ALL
        SELECT NULL, NULL, fold_case(value)
          FROM person CROSS JOIN LATERAL unnest(ARRAY[phone, external_id]) AS value WHERE value IS NOT NULL
    )
"""
FORGET_ERRORS: Final = (
    TOLD  # noqa: S608 - no value is put into it
    + """
    DELETE FROM import_errors e
     WHERE e.tenant_id = $1
       AND EXISTS (SELECT FROM unnest(e.cells) AS cell JOIN told
                       ON strpos(fold_case(cell), told.text) > 0
                       OR strpos(regexp_replace(cell, '\\D', '', 'g'), told.digits) > 0
                       OR fold_case(btrim(cell, ' ''')) = told.whole)
"""
)
FORGET_FILE_NAMES: Final = (
    TOLD  # noqa: S608 - likewise
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


async def tidy(database: Database, settings: ContactsSettings) -> None:
    async with database.begin_as_worker() as transaction:
        await transaction.execute(DROP_BROKEN_OFF, UPLOAD_HOURS)
        await transaction.execute(DROP_OLD_ERRORS, settings.import_errors_keep_days)
        await transaction.execute(DROP_OLD_PREVIEWS, settings.import_errors_keep_days)


async def forget(transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID]) -> None:
    """Delete what imports still hold of these contacts; to be called while the contacts have their values.

    The files themselves are deleted when their import ends. Of a file that still waits nothing is forgotten: its rows
    have not been written yet.
    """
    await transaction.execute(FORGET_ERRORS, tenant_id, list(contact_ids))
    await transaction.execute(FORGET_FILE_NAMES, tenant_id, list(contact_ids))
    await transaction.execute(FORGET_PREVIEWS, tenant_id)
