"""Contacts and deals by owner: whose activities one sees by them. Made while others write."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0015"
down_revision = "0014"

INDEXES = {
    "contacts_by_owner": "contacts (tenant_id, owner_id) INCLUDE (id) WHERE owner_id IS NOT NULL",
    "deal_facts_by_owner": "deal_facts (tenant_id, owner_id) INCLUDE (deal_id) WHERE NOT is_deleted",
}


def upgrade() -> None:
    """Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
