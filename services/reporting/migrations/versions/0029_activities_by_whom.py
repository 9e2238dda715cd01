"""Activities by user, contact and deal: who does not see all reads what they see, and not all that there is."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0029"
down_revision = "0028"

# By when something was done, as reports count it: of tasks when they were completed. So no index of other times is
# taken in their place. Of several contacts the first is in an index; activities that have more are few.
DONE_AT = "(CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END)"
INDEXES = {
    "activity_facts_by_user": f"activity_facts (tenant_id, user_id, {DONE_AT}) WHERE counts",
    "activity_facts_by_contact": f"activity_facts (tenant_id, (contact_ids[1]), {DONE_AT}) WHERE counts",
    "activity_facts_by_deal": f"activity_facts (tenant_id, deal_id, {DONE_AT}) WHERE counts AND deal_id IS NOT NULL",
    "activity_facts_of_several": f"""
        activity_facts (tenant_id, {DONE_AT}) WHERE counts AND cardinality(contact_ids) > 1
    """,
}


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
