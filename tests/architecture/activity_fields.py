"""The lists that an activity's fields stand in, for `test_record_fields`."""

from typing import Any, Final

from architecture.field_lists import OURS, FieldList, published, words

from crm_activities.activities import domain as activities
from crm_activities.activities.activity import Activity, NewActivity
from crm_activities.exports import files as activity_exports
from crm_activities.series.instances import COPIED
from crm_activities.use_cases import filters as activity_filters
from crm_activities.use_cases.schemas import EditActivityRequest, LogActivityRequest
from crm_search.projections import SHOWN_FIELDS
from crm_shared.record_fields import field_names


def list_erased() -> set[str]:
    """Return the fields of an activity that are empty once it is erased."""
    full: dict[str, Any] = {**dict.fromkeys(field_names(Activity), "full"), "version": 1}
    erased = activities.erase(Activity(**full), now=full["updated_at"]).activity
    return {name for name in field_names(Activity) if getattr(erased, name) is None}


ACTIVITY: Final = [
    *published("activity"),
    FieldList(
        "NewActivity",
        field_names(NewActivity),
        {"ours": OURS + " erased_at system reminded_at thread_id"},
    ),
    FieldList(
        "LogActivityRequest",
        LogActivityRequest.model_fields,
        {
            "ours": OURS + " erased_at system reminded_at thread_id series_id recurrence_id",
            "the system's notes": "system_kind facts",
            "a merge's": "original_contact_id original_contact_ids",
        },
    ),
    FieldList(
        "EditActivityRequest",
        EditActivityRequest.model_fields,
        {
            "ours": OURS + " erased_at system reminded_at thread_id series_id recurrence_id",
            "the system's notes": "system_kind facts",
            "a merge's": "original_contact_id original_contact_ids",
        },
    ),
    FieldList(
        "activities/filters.py",
        activity_filters.COLUMNS,
        {
            "ours; lists have updated_since": OURS + " erased_at system reminded_at recurrence_id",
            "the system's notes": "system_kind facts",
            "a merge's": "original_contact_id original_contact_ids",
            "contact_id asks for any of them": "contact_ids",
            "not asked for": "subject body scheduled_at completed_at duration_s scheduled_on remind_at outcome"
            " location priority message_id reference_ids is_automatic attachments recurrence",
            "asked of timelines": "occurred_at",
        },
    ),
    FieldList(
        "the export (exports/files.py)",
        activity_exports.COLUMNS,
        {
            "nothing to people": "version reminded_at",
            "only living activities are exported": "deleted_at erased_at",
            "a merge's": "original_contact_id original_contact_ids",
            "system_kind tells": "system",
        },
    ),
    FieldList(
        "what instances of a series copy (series/instances.py)",
        COPIED,
        {
            "ours": OURS + " erased_at system reminded_at",
            "the series' own": "contact_id contact_ids original_contact_id original_contact_ids user_id"
            " recurrence series_id recurrence_id",
            "each instance's own": "scheduled_at scheduled_on remind_at completed_at occurred_at external_id",
            "of other types": "direction outcome message_id reference_ids is_automatic thread_id",
            "the first one's alone": "in_reply_to",
            "the system's notes": "system_kind facts",
        },
    ),
    FieldList(
        "the erasure (activities/domain.py)",
        list_erased(),
        {
            "ours": OURS + " erased_at system reminded_at thread_id series_id recurrence_id",
            "the system's notes name nobody": "system_kind facts",
            "never empty": "reference_ids attachments",
            "who did what kind of thing when stays": "type contact_id original_contact_id deal_id user_id"
            " contact_ids original_contact_ids scheduled_at scheduled_on remind_at completed_at occurred_at"
            " direction outcome priority in_reply_to is_automatic duration_s recurrence",
        },
    ),
    FieldList(
        "SHOWN_FIELDS (search)",
        SHOWN_FIELDS["activity"],
        {
            "beside every record": "id version created_at updated_at",
            "only living activities are found": "deleted_at erased_at",
            "too long for an answer": "body",
            "a merge's": "original_contact_id original_contact_ids",
            "nobody looks for it": "in_reply_to duration_s reminded_at message_id reference_ids attachments recurrence"
            " recurrence_id facts",
        },
    ),
    *words(
        "activity",
        {
            "ours": "recurrence_id system_kind facts",
            "ids": "contact_ids original_contact_ids message_id reference_ids",
            "a rule": "recurrence",
        },
    ),
]
