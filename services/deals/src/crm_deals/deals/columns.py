"""The columns of a deal, in the order of its state: what the API answers and what loads an aggregate."""

from crm_shared.custom_fields.columns import DEAL_CUSTOM_DATA

DEAL_COLUMNS = (
    """
           d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id,
           d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason,
           d.description,"""
    + DEAL_CUSTOM_DATA
    + """, d.external_id, d.created_at, d.updated_at, d.deleted_at
"""
)
