"""From events to rows, and from rows to documents. Pure: no I/O, no clock.

A row keeps a record's whole state beside its summary (the column `face`): what documents of other records show of it,
and what decides who sees them. A document is made of a row and the summaries of those it refers to, so it is right
whichever of them came first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_search import activities
from crm_search.document_words import MAX_PASSAGE_CHARS, index_words
from crm_search.kept_states import read_field
from crm_search.passages import list_former_passages, list_passages
from crm_search.record_words import WORDS, add_former, find_stage_name
from crm_shared.contracts import Event
from crm_shared.contracts.states import (
    ActivityState,
    CompanyState,
    ContactState,
    DealState,
    PipelineState,
    State,
)
from crm_shared.features.replicas.records import full_name

MODELS: Final[dict[str, type[State]]] = {
    "contact": ContactState,
    "company": CompanyState,
    "deal": DealState,
    "activity": ActivityState,
    "pipeline": PipelineState,
}
DOCUMENT_TYPES: Final = ("contact", "company", "deal", "activity")
RELATIONS: Final = ("contact", "company", "deal")
"""Records that a document names beside its own, to callers who see those too."""

MAX_TITLE_CHARS: Final = 200
_BESIDE_EVERY_RECORD: Final = {"id", "version", "created_at", "updated_at"}
_OF_HIDDEN_RECORDS: Final = {"deleted_at", "erased_at", "merged_into"}
_NOT_SHOWN: Final[Mapping[str, set[str]]] = {
    "contact": {"custom_data", "shares"},
    "company": {"custom_data"},
    "deal": {"custom_data", "description", "lost_reason", "original_contact_id", "stage_changed_at"},
}


def _list_shown(record_type: str) -> tuple[str, ...]:
    left_out = _BESIDE_EVERY_RECORD | _OF_HIDDEN_RECORDS | _NOT_SHOWN[record_type]
    return tuple(name for name in MODELS[record_type].model_fields if name not in left_out)


SHOWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    **{record_type: _list_shown(record_type) for record_type in _NOT_SHOWN},
    "activity": activities.SHOWN_FIELDS,
}
"""What an answer shows of a record, beside its id, version and times."""

FORMER_FIELDS: Final = ("first_name", "last_name", "email", "phone", "phone_e164", "merged_into")
"""What a contact's survivor is found by as well."""

FILTERED: Final = ("tags", "stage_id", "status")
"""What a search may be narrowed to beside owner and time, of records that have it."""

Fields = Mapping[str, Any]
Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """One record as `search_records` keeps it. `is_hidden`: deleted or merged away, so that nobody may find it."""

    tenant_id: UUID
    type: str
    id: UUID
    version: int
    state: Fields
    summary: Summary
    is_hidden: bool

    @property
    def key(self) -> tuple[UUID, str, UUID]:
        return self.tenant_id, self.type, self.id


def to_record(event: Event) -> SearchRecord:
    """Make the row that an event tells of. Raises BadRecord when its state is not whole, unless it tells of its end."""
    whole = event.read_unless_over(MODELS[event.aggregate])
    if whole is None:
        return _to_end(event)
    state = whole.model_dump(mode="json")
    is_hidden = state.get("deleted_at") is not None or state.get("merged_into") is not None
    return SearchRecord(
        tenant_id=event.tenant_id,
        type=event.aggregate,
        id=event.aggregate_id,
        version=event.version,
        state=state,
        summary=_to_summary(event.aggregate, state, is_hidden=is_hidden),
        is_hidden=is_hidden,
    )


def _to_end(event: Event) -> SearchRecord:
    """Make the row of a record that is gone: all that it showed anywhere is taken back, whatever else was told."""
    state = {"id": str(event.aggregate_id), "version": event.version}
    summary = {"name": "", "owner_id": None, "is_hidden": True}
    key = (event.tenant_id, event.aggregate, event.aggregate_id, event.version)
    return SearchRecord(*key, state=state, summary={} if event.aggregate == "activity" else summary, is_hidden=True)


def _to_summary(record_type: str, state: Fields, *, is_hidden: bool) -> Summary:
    if record_type == "pipeline":
        return {"name": state["name"], "stages": {stage["id"]: stage["name"] for stage in state["stages"]}}
    if record_type == "activity":
        return {}
    summary = {
        "name": full_name(state) if record_type == "contact" else state["name"],
        "owner_id": state["owner_id"],
        "is_hidden": is_hidden,
    }
    if record_type == "contact":
        summary["shared_user_ids"] = sorted(share["user_id"] for share in state["shares"])
        if state["merged_into"] is not None:
            summary["former"] = {name: state[name] for name in FORMER_FIELDS}
    if record_type == "deal":
        summary["contact_id"] = state["contact_id"]  # by whose shares the deal's activities are seen
    return summary


def to_document(
    record_type: str,
    record_id: UUID,
    tenant_id: UUID,
    state: Fields,
    summaries: Mapping[str, Summary | None],
    *,
    contacts: Sequence[Summary] = (),
    former: Sequence[Fields] = (),
) -> dict[str, Any]:
    """Make the document of a record that is not hidden.

    `summaries`: of its contact, company, deal and pipeline, and of the deal's contact as `deal_contact`. `contacts`: of
    an activity's further contacts, each with its `id`. `former`: names and addresses of contacts merged into this one.
    """
    related = _to_related_records(summaries)
    further = [{"id": one["id"], **_to_related(one, _shared_user_ids(one))} for one in contacts if not one["is_hidden"]]
    passages = [*list_passages(record_type, state), *list_former_passages(former)]
    return {
        "tenant_id": str(tenant_id),
        "type": record_type,
        "key": f"{record_type}:{record_id}",
        **_to_viewers(record_type, state, related, further),
        "updated_at": state["updated_at"],
        **{name: state[name] for name in FILTERED if state.get(name)},
        **add_former(WORDS[record_type](state, summaries.get("pipeline")), former),
        **{name: _to_names(one) for name, one in related.items()},
        **({"contacts": [_to_names(one) for one in further]} if further else {}),
        "shown": {
            "id": str(record_id),
            "title": _to_title(record_type, state)[:MAX_TITLE_CHARS],
            "passages": [text[:MAX_PASSAGE_CHARS] for _, text in passages],
            "places": [where.value for where, _ in passages],
            "record": _to_shown_record(record_type, state, summaries.get("pipeline")),
            "related": related,
            "contacts": further,
        },
    }


def _to_related_records(summaries: Mapping[str, Summary | None]) -> dict[str, dict[str, Any]]:
    """Return what a document shows of the records that its own refers to, but for hidden ones."""
    shares = {
        "contact": _shared_user_ids(summaries.get("contact")),
        "deal": _shared_user_ids(summaries.get("deal_contact")),
    }
    return {
        name: _to_related(summary, shares.get(name, []))
        for name in RELATIONS
        if (summary := summaries.get(name)) is not None and not summary["is_hidden"]
    }


def _to_related(summary: Summary, shared_user_ids: list[str]) -> dict[str, Any]:
    return {"name": summary["name"], "owner_id": summary["owner_id"], "shared_user_ids": shared_user_ids}


def _to_viewers(
    record_type: str, state: Fields, related: Mapping[str, Summary], contacts: Sequence[Summary]
) -> dict[str, Any]:
    """Return by whose owner, and by whose shares, a record is seen; an activity also by those of what it refers to."""
    seen_with = [*related.values(), *contacts] if record_type == "activity" else []
    owner_id = state["user_id"] if record_type == "activity" else state["owner_id"]
    owner_ids = {owner_id, *(one["owner_id"] for one in seen_with)}
    return {
        "owner_id": owner_id,
        "visible_owner_ids": sorted(owner for owner in owner_ids if owner is not None),
        "shared_user_ids": _list_shared_users(record_type, state, related, contacts),
    }


def _to_names(related: Summary) -> dict[str, Any]:
    """Return what a related record is found by, and by whom."""
    return {
        "words": " ".join(index_words(related["name"])),
        "owner_id": related["owner_id"],
        "shared_user_ids": related["shared_user_ids"],
    }


def _list_shared_users(
    record_type: str, state: Fields, related: Mapping[str, Summary], contacts: Sequence[Summary]
) -> list[str]:
    """Return whom a record is shared with: a contact, its deals, and the activities of both."""
    match record_type:
        case "contact":
            return sorted(share["user_id"] for share in state["shares"])
        case "deal":
            sharing = ["contact"]
        case "activity":
            sharing = ["contact", "deal"]
        case _:
            sharing = []
    seen_with = [*(related[name] for name in sharing if name in related), *contacts]
    return sorted({user for one in seen_with for user in one["shared_user_ids"]})


def _shared_user_ids(contact: Summary | None) -> list[str]:
    if contact is None or contact["is_hidden"]:
        return []
    shared: list[str] = contact.get("shared_user_ids", [])  # rows of before shares have none
    return shared


def _to_title(record_type: str, state: Fields) -> str:
    if record_type == "contact":
        return full_name(state)
    if record_type == "activity":
        first_line = (state["body"] or "").strip().partition("\n")[0]
        return state["subject"] or first_line or str(state["type"]).capitalize()
    return str(state["name"])


def _to_shown_record(record_type: str, state: Fields, pipeline: Summary | None) -> dict[str, Any]:
    names = ("id", "version", *SHOWN_FIELDS[record_type], "created_at", "updated_at")
    if record_type == "activity":
        return {name: activities.read_field(state, name) for name in names}
    record = {name: read_field(record_type, state, name) for name in names}
    if record_type == "deal":
        record["stage_name"] = find_stage_name(state, pipeline)
        record["pipeline_name"] = None if pipeline is None else pipeline["name"]
    return record
