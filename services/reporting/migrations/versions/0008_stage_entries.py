"""Entries into stages by when they were: conversion reports ask for those of a window."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0008"
down_revision = "0007"

# It holds all that is read of an entry, so that the table itself is not.
BY_STAGE = "stage_transitions (tenant_id, to_stage_id, changed_at) INCLUDE (deal_id, version)"


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("stage_transitions_by_stage", BY_STAGE):
            op.execute(statement)
