"""Writes every document again when what documents hold has changed, or when the index is another.

In the background and tenant by tenant, in portions, so that what is written meanwhile waits for one portion at most;
searches are answered all along. Each portion is noted with its marks, so whoever comes next goes on there.
"""

from typing import Final

import structlog

from crm_search.index import INDEX_VERSION
from crm_search.indexing import flush
from crm_search.records import FIRST_ID, MARK
from crm_search.store import DocumentStore
from crm_shared.database import Database

logger = structlog.get_logger(__name__)

PORTION_ROWS: Final = 500

# A tenant is begun when workers first hear of it, and then again for each other form. `form` is only compared.
BEGIN: Final = """
    INSERT INTO document_rewrites AS w (tenant_id, form, after_type, after_id)
    SELECT t.tenant_id, $1, '', $2
      FROM directory_tenants t
     WHERE NOT EXISTS (SELECT FROM document_rewrites k WHERE k.tenant_id = t.tenant_id AND k.form = $1)
    ON CONFLICT (tenant_id) DO UPDATE
       SET form = excluded.form, after_type = excluded.after_type, after_id = excluded.after_id, done_at = NULL
     WHERE w.form <> excluded.form
"""

# Another worker's tenant is passed over: that worker is at it.
NEXT: Final = """
    SELECT tenant_id, after_type, after_id
      FROM document_rewrites
     WHERE done_at IS NULL
     ORDER BY tenant_id
     LIMIT 1
       FOR UPDATE SKIP LOCKED
"""
LIST_PORTION: Final = """
    SELECT type, id
      FROM search_records
     WHERE tenant_id = $1 AND (type, id) > ($2, $3) AND type <> 'pipeline' AND NOT is_hidden
     ORDER BY type, id
     LIMIT $4
"""
ADVANCE: Final = """
    UPDATE document_rewrites
       SET after_type = $2, after_id = $3, done_at = CASE WHEN $4 THEN now() END
     WHERE tenant_id = $1
"""


async def rewrite(database: Database, store: DocumentStore, *, portion_rows: int = PORTION_ROWS) -> bool:
    """Write a portion of the documents again that are of another form; False when none is left. Raises as stores do."""
    form = f"{await store.read_form()} {INDEX_VERSION}"
    async with database.begin_as_worker() as transaction:
        await transaction.execute(BEGIN, form, FIRST_ID)
    async with database.begin_as_worker() as transaction:
        tenant = await transaction.fetchrow(NEXT)
        if tenant is None:
            return False
        tenant_id, after_type, after_id = tenant
        rows = await transaction.fetch(LIST_PORTION, tenant_id, after_type, after_id, portion_rows)
        types, ids = [row["type"] for row in rows], [row["id"] for row in rows]
        await transaction.execute(MARK, [tenant_id] * len(rows), types, ids)
        is_done = len(rows) < portion_rows
        last_type, last_id = (types[-1], ids[-1]) if rows else (after_type, after_id)
        await transaction.execute(ADVANCE, tenant_id, last_type, last_id, is_done)
    while await flush(database, store):
        pass
    if is_done and rows:
        logger.info("documents are written again", tenant_id=str(tenant_id), form=form)
    return True
