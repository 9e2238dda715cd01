"""Forgets what imports no longer need: files whose upload was never finished, and errors past their time."""

from typing import Final

from crm_shared.database import Database
from crm_shared.features.imports.settings import ImportSettings

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


async def tidy(database: Database, settings: ImportSettings) -> None:
    async with database.begin_as_worker() as transaction:
        await transaction.execute(DROP_BROKEN_OFF, UPLOAD_HOURS)
        await transaction.execute(DROP_OLD_ERRORS, settings.import_errors_keep_days)
        await transaction.execute(DROP_OLD_PREVIEWS, settings.import_errors_keep_days)
