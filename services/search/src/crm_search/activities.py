"""What search makes of an activity's state. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from crm_search import kept_states

SHOWN_FIELDS: Final = (
    *("type", "subject", "contact_id", "contact_ids", "deal_id", "user_id", "occurred_at", "scheduled_at"),
    *("scheduled_on", "remind_at", "completed_at", "direction", "outcome", "location", "priority", "is_automatic"),
    *("thread_id", "series_id", "system", "system_kind", "external_id"),
)


def list_contact_ids(state: Mapping[str, Any]) -> list[str]:
    """Return all its contacts, the first one first. An event of before `contact_ids` names one alone."""
    named: list[str] = state.get("contact_ids") or []
    first = state.get("contact_id")
    return list(dict.fromkeys(([] if first is None else [first]) + named))


def read_field(state: Mapping[str, Any], name: str) -> Any:
    """Return a field of the state, or what it is where nothing was said of it."""
    return list_contact_ids(state) if name == "contact_ids" else kept_states.read_field("activity", state, name)


def list_places(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield where it takes place, and the names of what hangs on it."""
    if state.get("location"):
        yield state["location"]
    for attachment in state.get("attachments") or ():
        yield attachment["name"]
