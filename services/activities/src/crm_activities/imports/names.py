"""By what names files know an activity's fields: ours, and those of HubSpot, Salesforce and Pipedrive. Pure."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from crm_activities.activities.activity import ActivityType
from crm_activities.imports.values import READERS
from crm_shared.features.imports.headers import FieldNames
from crm_shared.features.imports.values import is_id

REFERENCES: Final = {"contact": "contact_id", "deal": "deal_id", "user": "user_id"}
"""What names another record, for people, and the field that it sets."""


class TextColumn(NamedTuple):
    """What a column says by its very name: of which type its activities are, and which of their fields it holds."""

    type: ActivityType
    field: str


TEXT_COLUMNS: Final[Mapping[str, TextColumn]] = {
    "call_subject": TextColumn(ActivityType.CALL, "subject"),
    "call_body": TextColumn(ActivityType.CALL, "body"),
    "email_subject": TextColumn(ActivityType.EMAIL, "subject"),
    "email_body": TextColumn(ActivityType.EMAIL, "body"),
    "meeting_subject": TextColumn(ActivityType.MEETING, "subject"),
    "meeting_body": TextColumn(ActivityType.MEETING, "body"),
    "note_body": TextColumn(ActivityType.NOTE, "body"),
    "task_subject": TextColumn(ActivityType.TASK, "subject"),
    "task_body": TextColumn(ActivityType.TASK, "body"),
}

PLANNING: Final = ("date", "due_time", "end", "duration_min", "status")
"""Columns of other products that say several of our fields together: `planning.py` takes them apart."""

FIELDS: Final = (
    "type", "subject", "body", "contact_id", "contact_ids", "deal_id", "user_id", "occurred_at", "scheduled_at",
    "scheduled_on", "remind_at", "completed_at", "direction", "outcome", "duration_s", "location", "priority",
    "message_id", "in_reply_to", "reference_ids", "is_automatic", "attachments", "external_id",
)  # fmt: skip


def _fits(name: str) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            READERS[name](text)
        except ValueError:
            return False
        return True

    return fits


# Others' ids are our external ids: a file that comes again finds its activities by them.
NAMES: Final = FieldNames(
    fields=("id", *FIELDS, *REFERENCES, *PLANNING, *TEXT_COLUMNS),
    synonyms={
        "type": ("type", "activitytype", "engagementtype", "tasksubtype", "typ"),
        "subject": ("subject", "title", "betreff"),
        "body": ("body", "note", "notes", "description", "comments", "fullcomments", "content", "publicdescription"),
        "contact": (
            "contact", "contacts", "contactemail", "contactperson", "associatedcontact", "associatedcontacts",
            "person", "contactname", "personname", "associatedcontactids", "associatedcontactid",
        ),
        "deal": (
            "deal", "dealname", "dealtitle", "associateddeal", "associateddeals", "opportunity", "opportunityname",
            "associateddealids", "associateddealid",
        ),
        "user": (
            "user", "assignedto", "assigned", "assignedtouser", "activityassignedto", "assignee", "owner",
            "owneremail", "activityowner", "hubspotowner",
        ),
        "date": ("date", "activitydate", "duedate", "due", "taskduedate", "datetime"),
        "due_time": ("duetime",),
        "scheduled_at": ("starttime", "meetingstarttime", "start", "startdatetime", "startdate"),
        "end": ("end", "endtime", "meetingendtime", "enddatetime"),
        "completed_at": (
            "completedat", "completeddate", "completiondate", "markedasdonetime", "completeddatetime", "datecompleted",
        ),
        "occurred_at": ("occurredat", "timestamp", "createdate", "createddate", "addtime"),
        "status": ("status", "done", "markedasdone", "completed", "taskstatus", "meetingoutcome"),
        "remind_at": ("reminder", "reminderdatetime", "reminddate"),
        "direction": ("direction", "calldirection", "emaildirection", "calltype"),
        "outcome": ("outcome", "calloutcome", "callresult"),
        "duration_s": (
            "duration", "callduration", "calldurationhhmmss", "calldurationinseconds", "calldurationseconds",
        ),
        "duration_min": ("durationinminutes", "durationminutes"),
        "location": ("location", "meetinglocation", "ort"),
        "priority": ("priority", "taskpriority"),
        "message_id": ("messageid", "emailmessageid", "internetmessageid", "messageidentifier"),
        "reference_ids": ("references",),
        "external_id": (
            "externalid", "recordid", "activityid", "engagementid", "objectid", "taskid", "eventid", "callid",
            "noteid", "meetingid", "emailid",
        ),
        "call_subject": ("calltitle", "callname"),
        "call_body": ("callnotes", "callbody"),
        "email_subject": ("emailsubject",),
        "email_body": ("emailbody", "emailtext", "emailtextbody"),
        "meeting_subject": ("meetingname", "meetingtitle"),
        "meeting_body": ("meetingdescription", "meetingnotes", "meetingbody"),
        "note_body": ("notebody", "notecontent"),
        "task_subject": ("tasktitle", "taskname"),
        "task_body": ("tasknotes", "taskbody"),
    },
    prefixes=("activity",),
    fits=dict.fromkeys(("id", "in_reply_to", *REFERENCES.values()), is_id)
    | {name: _fits(name) for name in ("type", "status", "direction", "outcome", "priority", "due_time")},
    unset=frozenset(
        {
            "id", "thread_id", "recurrence", "series_id", "recurrence_id", "system_kind", "facts", "created_at",
            "updated_at",
        }
    ),
)  # fmt: skip
