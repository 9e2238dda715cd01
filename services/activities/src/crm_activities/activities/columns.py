"""The columns of an activity, in the order of its state: the one list that all its SQL selects by."""

from typing import Final

ACTIVITY_COLUMNS: Final = """
           a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body,
           a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id,
           a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at
"""
