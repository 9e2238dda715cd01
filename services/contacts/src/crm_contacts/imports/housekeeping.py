"""Forgets what imports no longer need: files whose upload was never finished, and errors past their time."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_contacts.settings import ContactsSettings
from crm_shared.database import Database, Transaction

UPLOAD_HOURS: Final = 6
"""A piece this old without an import belongs to an upload that was broken off."""

DROP_BROKEN_OFF: Final = """
    DELETE FROM import_pieces p
     WHERE p.stored_at < now() - make_interval(hours => $1)
       AND NOT EXISTS (SELECT FROM imports i WHERE i.tenant_id = p.tenant_id AND i.id = p.import_id)
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

# What the file said of these people stands in the rows that failed, and in what a dry run showed.
FORGET_ERRORS: Final = """
    WITH told AS (
        SELECT fold_case(value) AS key
          FROM contacts c CROSS JOIN LATERAL unnest(ARRAY[c.email, c.phone, c.phone_e164, c.external_id]) AS value
         WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND value IS NOT NULL
    )
    DELETE FROM import_errors e
     WHERE e.tenant_id = $1
       AND EXISTS (SELECT FROM unnest(e.cells) AS cell JOIN told ON told.key = fold_case(btrim(cell, ' ''')))
"""
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
    await transaction.execute(FORGET_PREVIEWS, tenant_id)
