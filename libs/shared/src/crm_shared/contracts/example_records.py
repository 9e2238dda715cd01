"""The records of the examples, one of each aggregate, and what each event changes in them: the deal "Acme renewal"."""

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

Fields: TypeAlias = dict[str, Any]

CREATED_AT: Final = "2026-11-02T08:15:00.000000Z"
MOVED_AT: Final = "2026-11-20T16:40:12.318000Z"
HAPPENED_AT: Final = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)
HAPPENED: Final = "2026-11-22T03:51:54.105000Z"


def make_id(number: int) -> str:
    return f"019a42f0-7c00-7000-8000-{number:012d}"


TENANT, ADMIN, REP, COMPANY, CONTACT, OTHER_CONTACT, PIPELINE, DEAL, ACTIVITY, WEBHOOK = (
    make_id(number) for number in range(1, 11)
)
STAGES: Final = {
    name: {
        "id": make_id(20 + position),
        "name": name,
        "win_probability": win_probability,
        "kind": kind,
        "rotting_days": rotting_days,
        "position": position,
    }
    for position, (name, win_probability, kind, rotting_days) in enumerate(
        (
            ("Qualification", 10, "OPEN", 14),
            ("Discovery", 25, "OPEN", 14),
            ("Proposal", 50, "OPEN", 21),
            ("Negotiation", 75, "OPEN", 21),
            ("Closed Won", 100, "WON", None),
            ("Closed Lost", 0, "LOST", None),
        )
    )
}
QUALIFICATION, PROPOSAL, WON, LOST = (
    STAGES[name]["id"] for name in ("Qualification", "Proposal", "Closed Won", "Closed Lost")
)

RECORDS: Final[dict[str, Fields]] = {
    "tenant": {
        "id": TENANT,
        "name": "Nordwind GmbH",
        "base_currency": "EUR",
        "time_zone": "Europe/Berlin",
        "manager_scope": "DIRECT",
        "auto_merge": True,
        "default_region": "DE",
    },
    "user": {
        "id": REP,
        "email": "jana.keller@nordwind.example",
        "full_name": "Jana Keller",
        "role": "REP",
        "manager_id": ADMIN,
        "active": True,
        "time_zone": None,
        "successor_id": None,
    },
    "company": {
        "id": COMPANY,
        "name": "Acme Corporation",
        "domain": "acme.example",
        "industry": "Manufacturing",
        "size": "201-500",
        "website": "https://www.acme.example",
        "owner_id": REP,
        "tags": ["key-account"],
        "custom_data": {"erp_number": "K-10482"},
        "deleted_at": None,
    },
    "contact": {
        "id": CONTACT,
        "first_name": "Zoë",
        "last_name": "Okonkwo",
        "email": "zoe.okonkwo@acme.example",
        "phone": "030 901820",
        "phone_e164": "+4930901820",
        "company_id": COMPANY,
        "job_title": "Head of Purchasing",
        "source": "REFERRAL",
        "owner_id": REP,
        "tags": ["decision-maker"],
        "custom_data": {"newsletter": "monthly"},
        "external_id": "sf-0031",
        "shares": [],
        "merged_into": None,
        "deleted_at": None,
        "erased_at": None,
    },
    "pipeline": {
        "id": PIPELINE,
        "name": "Sales",
        "is_default": True,
        "archived": False,
        "stages": list(STAGES.values()),
    },
    "deal": {
        "id": DEAL,
        "name": "Acme renewal",
        "contact_id": CONTACT,
        "original_contact_id": None,
        "company_id": COMPANY,
        "owner_id": REP,
        "pipeline_id": PIPELINE,
        "stage_id": PROPOSAL,
        "amount": "12500.00",
        "currency": "EUR",
        "close_date": "2026-11-30",
        "status": "OPEN",
        "stage_changed_at": MOVED_AT,
        "closed_at": None,
        "lost_reason": None,
        "description": "Second year, 40 seats",
        "custom_data": {},
        "external_id": None,
        "deleted_at": None,
    },
    "webhook": {
        "id": WEBHOOK,
        "url": "https://erp.example",
        "event_types": ["crm.deal.won"],
        "active": True,
        "disabled_at": None,
        "disabled_reason": None,
        "previous_secret_until": None,
    },
    "activity": {
        "id": ACTIVITY,
        "type": "TASK",
        "contact_id": CONTACT,
        "original_contact_id": None,
        "deal_id": DEAL,
        "user_id": REP,
        "subject": "Send the revised offer",
        "body": None,
        "scheduled_at": "2026-11-23T09:00:00.000000Z",
        "completed_at": None,
        "occurred_at": CREATED_AT,
        "direction": None,
        "in_reply_to": None,
        "duration_s": None,
        "external_id": None,
        "system": False,
        "deleted_at": None,
        "erased_at": None,
        "contact_ids": [CONTACT, OTHER_CONTACT],
        "original_contact_ids": [],
        "scheduled_on": None,
        "remind_at": "2026-11-23T08:45:00.000000Z",
        "reminded_at": None,
        "outcome": None,
        "location": None,
        "priority": "HIGH",
        "message_id": None,
        "reference_ids": [],
        "is_automatic": False,
        "thread_id": None,
        "attachments": [
            {
                "name": "offer.pdf",
                "url": "https://files.example/offer.pdf",
                "media_type": "application/pdf",
                "size_bytes": 48213,
            }
        ],
        "recurrence": None,
        "series_id": None,
        "recurrence_id": None,
        "system_kind": None,
        "facts": None,
    },
}
"""Each as it is before the event of an example, but for what STORY changes in it."""

_WON: Final = {"stage_id": WON, "stage_changed_at": HAPPENED}
_LOST: Final = {"stage_id": LOST, "stage_changed_at": HAPPENED}
_CLOSED: Final = {"stage_id": WON, "status": "WON", "closed_at": MOVED_AT}
_DELETED: Final = {"deleted_at": MOVED_AT}
_ERASED: Final[Fields] = {
    **{
        name: type(value)() if isinstance(value, list | dict) else None
        for name, value in RECORDS["contact"].items()
        if name not in {"id", "owner_id", "shares", "merged_into"}
    },
    "deleted_at": HAPPENED,
    "erased_at": HAPPENED,
}
_SHARED: Final = {
    "shares": [{"user_id": ADMIN, "permission": "READ", "created_at": HAPPENED, "created_by": REP}],
}

# By type: how the record differs from the above before the event, and what the event changes.
STORY: Final[dict[str, tuple[Fields, Fields]]] = {
    "crm.tenant.updated": ({}, {"manager_scope": "SUBTREE"}),
    "crm.user.updated": ({}, {"role": "MANAGER"}),
    "crm.user.deactivated": ({}, {"active": False, "successor_id": ADMIN}),
    "crm.company.updated": ({}, {"size": "501-1000"}),
    "crm.company.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.company.restored": (_DELETED, {"deleted_at": None}),
    "crm.contact.updated": ({}, {"job_title": "Chief Procurement Officer", "tags": ["decision-maker", "board"]}),
    "crm.contact.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.contact.restored": (_DELETED, {"deleted_at": None}),
    "crm.contact.shared": ({}, _SHARED),
    "crm.contact.unshared": (_SHARED, {"shares": []}),
    "crm.contact.merged": ({}, {"merged_into": OTHER_CONTACT}),
    "crm.contact.unmerged": ({"merged_into": OTHER_CONTACT}, {"merged_into": None}),
    "crm.contact.erased": ({}, _ERASED),
    "crm.pipeline.updated": ({"name": "New business"}, {"name": "Sales"}),
    "crm.pipeline.archived": ({"is_default": False}, {"archived": True}),
    "crm.deal.updated": ({}, {"amount": "14000.00", "close_date": "2026-12-15"}),
    "crm.deal.stage_changed": ({}, _WON),
    "crm.deal.won": (_WON, {"status": "WON", "closed_at": HAPPENED}),
    "crm.deal.lost": (_LOST, {"status": "LOST", "closed_at": HAPPENED, "lost_reason": "Price"}),
    "crm.deal.reopened": (_CLOSED | {"stage_id": PROPOSAL}, {"status": "OPEN", "closed_at": None}),
    "crm.deal.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.deal.restored": (_DELETED, {"deleted_at": None}),
    "crm.webhook.updated": ({}, {"event_types": ["crm.deal.won", "crm.deal.reopened"]}),
    "crm.webhook.disabled": (
        {},
        {"active": False, "disabled_at": HAPPENED, "disabled_reason": "12 failures in a row, the last: answered 503"},
    ),
    "crm.webhook.deleted": ({}, {"active": False}),
    "crm.activity.updated": ({}, {"scheduled_at": "2026-11-24T09:00:00.000000Z"}),
    "crm.activity.completed": ({}, {"completed_at": HAPPENED}),
    "crm.activity.reopened": ({"completed_at": MOVED_AT}, {"completed_at": None}),
    "crm.activity.deleted": ({}, {"deleted_at": HAPPENED}),
    "crm.activity.restored": (_DELETED, {"deleted_at": None}),
    "crm.activity.reminded": ({}, {"reminded_at": HAPPENED}),
}

STAGE_HISTORY: Final[list[Fields]] = [
    {
        "version": 1,
        "from_stage": None,
        "to_stage": {"id": QUALIFICATION, "name": "Qualification"},
        "changed_at": CREATED_AT,
        "changed_by": REP,
    },
    {
        "version": 4,
        "from_stage": {"id": QUALIFICATION, "name": "Qualification"},
        "to_stage": {"id": PROPOSAL, "name": "Proposal"},
        "changed_at": MOVED_AT,
        "changed_by": REP,
    },
]


VALUE_HISTORIES: Final[dict[str, list[Fields]]] = {
    "crm.deal.snapshot": [
        {
            "version": 1,
            "changed_at": CREATED_AT,
            "values": {
                "pipeline_id": PIPELINE,
                "stage_id": QUALIFICATION,
                "stage_changed_at": CREATED_AT,
                "status": "OPEN",
                "closed_at": None,
                "amount": "9000.00",
                "currency": "EUR",
                "owner_id": REP,
                "close_date": None,
                "deleted_at": None,
            },
        },
        {"version": 3, "changed_at": MOVED_AT, "values": {"amount": "12500.00", "close_date": "2026-12-15"}},
        {"version": 4, "changed_at": MOVED_AT, "values": {"stage_id": PROPOSAL, "stage_changed_at": MOVED_AT}},
    ],
    "crm.pipeline.snapshot": [
        {"version": 1, "changed_at": CREATED_AT, "values": {"stages": list(STAGES.values())}},
    ],
}
