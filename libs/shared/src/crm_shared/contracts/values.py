"""What stands in a Kafka record's value: the state, what has changed, who did it. Nothing but BadRecord comes of it."""

from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from crm_shared.contracts.errors import BadRecord
from crm_shared.contracts.event_types import DELETED, Change
from crm_shared.contracts.topics import ERASED


def parse_uuid(text: str, where: str) -> UUID:
    """Read an id as events write it. Raises BadRecord, which names `where`."""
    try:
        parsed = UUID(text)
    except ValueError as error:
        raise BadRecord(f"{where} is not a UUID") from error
    # UUID() also takes braces, urn: and capitals; keys are compared as bytes, so one spelling counts.
    if str(parsed) != text:
        raise BadRecord(f"{where} is not a UUID in lower case with hyphens")
    return parsed


parse_familiar_uuid: Final = lru_cache(maxsize=4096)(parse_uuid)  # tenants and actors recur; records don't


class EventValue(NamedTuple):
    """What an event's value holds."""

    state: dict[str, Any]
    changed: dict[str, Change] | None
    actor_id: UUID | None
    history: list[Any] | None
    value_history: list[Any] | None
    restored_from: int | None = None


def read_value(value: bytes | None, event_type: str, aggregate: str, subject: str, version: int) -> EventValue:
    """Read the value. Of a deletion or an erasure the headers say enough, so it may hold anything.

    Raises BadRecord.
    """
    try:
        data = _parse_value(value)
        state = _read_state(data, aggregate, subject, version)
        return EventValue(
            state,
            _read_changed(data),
            _read_actor(data),
            _read_list(data, "history"),
            _read_list(data, "value_history"),
            _read_restored_from(data, version),
        )
    except BadRecord:
        if event_type.rpartition(".")[2] not in {DELETED, ERASED}:
            raise
        return EventValue({"id": subject, "version": version}, None, None, None, None)


def _parse_value(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise BadRecord("value is missing")
    try:
        data = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise BadRecord("value is not JSON") from error
    if not isinstance(data, dict):
        raise BadRecord("value is not an object")
    return data


def _read_state(data: dict[str, Any], aggregate: str, subject: str, version: int) -> dict[str, Any]:
    state = data.get(aggregate)
    if not isinstance(state, dict):
        raise BadRecord(f"field {aggregate} is not an object")
    if state.get("id") != subject:
        raise BadRecord(f"field {aggregate}.id is not header ce_subject")
    stated = state.get("version")
    if type(stated) is not int or stated != version:
        raise BadRecord(f"field {aggregate}.version is not header ce_sequence")
    return state


def _read_changed(data: dict[str, Any]) -> dict[str, Change] | None:
    changed = data.get("changed")
    if changed is None:
        return None
    if not isinstance(changed, dict):
        raise BadRecord("field changed is not an object")
    for field, change in changed.items():
        if not isinstance(change, dict) or "from" not in change or "to" not in change:
            raise BadRecord(f"field changed.{field} is not {{from, to}}")
    return changed


def _read_actor(data: dict[str, Any]) -> UUID | None:
    actor = data.get("actor")
    if actor is None:
        return None
    if not isinstance(actor, dict):
        raise BadRecord("field actor is not an object")
    user_id = actor.get("user_id")
    if not isinstance(user_id, str):
        raise BadRecord("field actor.user_id is not a UUID")
    return parse_familiar_uuid(user_id, "field actor.user_id")


def _read_list(data: dict[str, Any], name: str) -> list[Any] | None:
    found = data.get(name)
    if found is not None and not isinstance(found, list):
        raise BadRecord(f"field {name} is not a list")
    return found


def _read_restored_from(data: dict[str, Any], version: int) -> int | None:
    found = data.get("restored_from")
    if found is None:
        return None
    if type(found) is not int or not 0 <= found < version:
        raise BadRecord("field restored_from is not a version before header ce_sequence")
    return found
