"""From events to rows, and from rows to documents. Pure: no I/O, no clock.

A row keeps a record's whole state beside its `face`: what documents of other records show of it and lean on for
sight. A document is made of a row and the faces of those it refers to, so it is right whichever of them came first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_search.folding import digits_of, join_words, list_endings, list_starts, name_key, split_words
from crm_shared.contracts import Event
from crm_shared.contracts.states import (
    ActivityState,
    CompanyState,
    ContactState,
    DealState,
    PipelineState,
    State,
)
from crm_shared.replicas.records import full_name

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
MAX_PASSAGE_CHARS: Final = 20_000
"""How much of one text a snippet is looked for in; what is longer is found all the same."""

_RECORD_FIELDS: Final = {
    "contact": (
        *("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "job_title", "source"),
        *("owner_id", "tags", "external_id"),
    ),
    "company": ("name", "domain", "industry", "size", "website", "owner_id", "tags"),
    "deal": (
        *("name", "stage_id", "pipeline_id", "status", "amount", "currency", "close_date", "closed_at"),
        *("owner_id", "contact_id", "company_id", "external_id"),
    ),
    "activity": (
        *("type", "subject", "contact_id", "deal_id", "user_id", "occurred_at", "scheduled_at", "completed_at"),
        *("direction", "system", "external_id"),
    ),
}

Fields = Mapping[str, Any]
Face = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """One record as `search_records` keeps it. `is_hidden`: deleted or merged away, so that nobody may find it."""

    tenant_id: UUID
    type: str
    id: UUID
    version: int
    state: Fields
    face: Face
    is_hidden: bool

    @property
    def key(self) -> tuple[UUID, str, UUID]:
        return self.tenant_id, self.type, self.id


def to_record(event: Event) -> SearchRecord:
    """Make the row that an event tells of. Raises BadRecord when its state is not whole."""
    state = event.read(MODELS[event.aggregate]).model_dump(mode="json")
    is_hidden = state.get("deleted_at") is not None or state.get("merged_into") is not None
    return SearchRecord(
        tenant_id=event.tenant_id,
        type=event.aggregate,
        id=event.aggregate_id,
        version=event.version,
        state=state,
        face=_to_face(event.aggregate, state, is_hidden=is_hidden),
        is_hidden=is_hidden,
    )


def _to_face(record_type: str, state: Fields, *, is_hidden: bool) -> Face:
    if record_type == "pipeline":
        return {"name": state["name"], "stages": {stage["id"]: stage["name"] for stage in state["stages"]}}
    if record_type == "activity":
        return {}
    face = {
        "name": full_name(state) if record_type == "contact" else state["name"],
        "owner_id": state["owner_id"],
        "is_hidden": is_hidden,
    }
    if record_type == "contact":
        face["shared_user_ids"] = sorted(share["user_id"] for share in state["shares"])
    if record_type == "deal":
        face["contact_id"] = state["contact_id"]  # by whose shares the deal's activities are seen
    return face


def to_document(
    record_type: str, record_id: UUID, tenant_id: UUID, state: Fields, faces: Mapping[str, Face | None]
) -> dict[str, Any]:
    """Make the document of a record that is not hidden.

    `faces`: of its contact, company, deal and pipeline, and of the deal's contact as `deal_contact`.
    """
    shares = {"contact": _shared_user_ids(faces.get("contact")), "deal": _shared_user_ids(faces.get("deal_contact"))}
    related = {
        name: {"name": face["name"], "owner_id": face["owner_id"], "shared_user_ids": shares.get(name, [])}
        for name in RELATIONS
        if (face := faces.get(name)) is not None and not face["is_hidden"]
    }
    owner_id = state["user_id"] if record_type == "activity" else state["owner_id"]
    owner_ids = {owner_id} | ({face["owner_id"] for face in related.values()} if record_type == "activity" else set())
    return {
        "tenant_id": str(tenant_id),
        "type": record_type,
        "key": f"{record_type}:{record_id}",
        "owner_id": owner_id,
        "visible_owner_ids": sorted(owner for owner in owner_ids if owner is not None),
        "shared_user_ids": _list_shared_users(record_type, state, related),
        "updated_at": state["updated_at"],
        **_WORDS[record_type](state, faces.get("pipeline")),
        **{
            name: {
                "words": " ".join(_index_words(face["name"])),
                "owner_id": face["owner_id"],
                "shared_user_ids": face["shared_user_ids"],
            }
            for name, face in related.items()
        },
        "shown": {
            "id": str(record_id),
            "title": _to_title(record_type, state)[:MAX_TITLE_CHARS],
            "passages": [text[:MAX_PASSAGE_CHARS] for text in _list_passages(record_type, state)],
            "record": _to_shown_record(record_type, state, faces.get("pipeline")),
            "related": related,
        },
    }


def _list_shared_users(record_type: str, state: Fields, related: Mapping[str, Face]) -> list[str]:
    """Give whom a record is shared with: a contact, its deals, and the activities of both."""
    match record_type:
        case "contact":
            return sorted(share["user_id"] for share in state["shares"])
        case "deal":
            sharing = ["contact"]
        case "activity":
            sharing = ["contact", "deal"]
        case _:
            sharing = []
    return sorted({user for name in sharing if name in related for user in related[name]["shared_user_ids"]})


def _shared_user_ids(contact: Face | None) -> list[str]:
    if contact is None or contact["is_hidden"]:
        return []
    shared: list[str] = contact.get("shared_user_ids", [])  # rows of before shares have none
    return shared


def _index_words(*texts: str | None) -> list[str]:
    """Give the words of short texts, also those that people write as one."""
    return [word for text in texts if text for word in (*split_words(text), *join_words(text))]


def _to_words(
    title: str | None, *, keys: Iterable[str | None] = (), details: Iterable[str | None] = (), body: str | None = None
) -> dict[str, Any]:
    """Give the fields that queries look into. `keys`: what names the record and no other, each as typed whole."""
    title_words = _index_words(title)
    exact = {name_key(text) for text in (title, *keys) if text}
    return {
        "exact": sorted(exact - {""}),
        "title": " ".join(title_words),
        "title_starts": " ".join(list_starts(title_words)),
        "details": " ".join(_index_words(*details)),
        "body": " ".join(split_words(body or "")),
    }


def _contact_words(state: Fields, _pipeline: Face | None) -> dict[str, Any]:
    number = digits_of(state["phone_e164"] or "") or digits_of(state["phone"] or "").lstrip("0")
    custom = (str(value) for value in state["custom_data"].values() if isinstance(value, str | int))
    return _to_words(
        full_name(state) if state["first_name"] or state["last_name"] else None,
        keys=(state["email"], state["external_id"]),
        details=(state["email"], state["external_id"], state["job_title"], state["phone"], *state["tags"], *custom),
    ) | {"phone": list_endings(number), "phone_whole": number or None}


def _company_words(state: Fields, _pipeline: Face | None) -> dict[str, Any]:
    custom = (str(value) for value in state["custom_data"].values() if isinstance(value, str | int))
    return _to_words(
        state["name"],
        keys=(state["domain"],),
        details=(state["domain"], state["website"], state["industry"], *state["tags"], *custom),
    )


def _deal_words(state: Fields, pipeline: Face | None) -> dict[str, Any]:
    custom = (str(value) for value in state["custom_data"].values() if isinstance(value, str | int))
    return _to_words(
        state["name"],
        keys=(state["external_id"],),
        details=(_find_stage_name(state, pipeline), state["external_id"], state["lost_reason"], *custom),
        body=state["description"],
    )


def _activity_words(state: Fields, _pipeline: Face | None) -> dict[str, Any]:
    return _to_words(
        state["subject"], keys=(state["external_id"],), details=(state["external_id"],), body=state["body"]
    )


_WORDS: Final = {
    "contact": _contact_words,
    "company": _company_words,
    "deal": _deal_words,
    "activity": _activity_words,
}


def _find_stage_name(state: Fields, pipeline: Face | None) -> str | None:
    return None if pipeline is None else pipeline["stages"].get(state["stage_id"])


def _to_title(record_type: str, state: Fields) -> str:
    if record_type == "contact":
        return full_name(state)
    if record_type == "activity":
        first_line = (state["body"] or "").strip().partition("\n")[0]
        return state["subject"] or first_line or str(state["type"]).capitalize()
    return str(state["name"])


def _list_passages(record_type: str, state: Fields) -> list[str]:
    """Give the texts that a snippet may be cut from, the most telling first."""
    match record_type:
        case "contact":
            texts = (full_name(state), state["email"], state["phone"], state["job_title"], *state["tags"])
        case "company":
            texts = (state["name"], state["domain"], state["website"], state["industry"], *state["tags"])
        case "deal":
            texts = (state["name"], state["description"], state["lost_reason"])
        case _:
            texts = (state["subject"], state["body"])
    return [text for text in texts if text]


def _to_shown_record(record_type: str, state: Fields, pipeline: Face | None) -> dict[str, Any]:
    names = ("id", "version", *_RECORD_FIELDS[record_type], "created_at", "updated_at")
    record = {name: state[name] for name in names}
    if record_type == "deal":
        record["stage_name"] = _find_stage_name(state, pipeline)
        record["pipeline_name"] = None if pipeline is None else pipeline["name"]
    return record
