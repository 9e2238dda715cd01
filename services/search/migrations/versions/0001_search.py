"""The records that documents are made from, and how far each has got into the index."""

from alembic import op

from crm_shared.access.schema import directory_ddl
from crm_shared.database.rls import protect

revision = "0001"
down_revision = None

TABLES = """
    CREATE TABLE search_records (
        tenant_id        uuid NOT NULL,
        type             text NOT NULL CHECK (type IN ('contact', 'company', 'deal', 'activity', 'pipeline')),
        id               uuid NOT NULL,
        version          bigint NOT NULL,
        state            jsonb NOT NULL,
        face             jsonb NOT NULL,  -- what documents of other records show of this one
        is_hidden        boolean NOT NULL,
        contact_id       uuid,
        company_id       uuid,
        deal_id          uuid,
        pipeline_id      uuid,
        revision         bigint NOT NULL,  -- the document's version: rises with all that changes the document
        indexed_revision bigint NOT NULL,  -- how far the index has it; below `revision` the row is dirty
        rejection        text,             -- why the index would not have this revision
        spread_after     uuid,             -- documents that refer to this row are yet to be marked, from this id on
        PRIMARY KEY (tenant_id, type, id)
    );
    CREATE INDEX search_records_dirty ON search_records (tenant_id, type, id) WHERE indexed_revision < revision;
    CREATE INDEX search_records_spreading ON search_records (tenant_id, type, id) WHERE spread_after IS NOT NULL;
    CREATE INDEX search_records_by_contact ON search_records (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;
    CREATE INDEX search_records_by_company ON search_records (tenant_id, company_id, id) WHERE company_id IS NOT NULL;
    CREATE INDEX search_records_by_deal ON search_records (tenant_id, deal_id, id) WHERE deal_id IS NOT NULL;
    CREATE INDEX search_records_by_pipeline ON search_records (tenant_id, pipeline_id, id)
     WHERE pipeline_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(directory_ddl("search"))
    op.execute(TABLES)
    op.execute(protect("search_records", service="search"))
