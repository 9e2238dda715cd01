"""From a Kafka record to an Event. Nothing but BadRecord may come of a record, whatever its bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from crm_shared.contracts.errors import BadRecord
from crm_shared.contracts.event_types import CONTENT_TYPE, ERASED, SPEC_VERSION, VERBS, Change, dataschema_of
from crm_shared.contracts.states import StageEntry, State

_TYPE: Final = re.compile(rf"crm\.({'|'.join(VERBS)})\.[a-z][a-z_]*")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TYPE_HEADERS: Final = ("ce_specversion", "content-type", "ce_type", "ce_dataschema")
_MAX_VERSION_DIGITS: Final = 18  # fits PostgreSQL's bigint

_HISTORY: Final = TypeAdapter(list[StageEntry])

StateModel = TypeVar("StateModel", bound=State)
StateClass: TypeAlias = type[StateModel]  # inside Event the word `type` is its field


@dataclass(frozen=True, slots=True)
class Event:
    """What a consumer is given. `state` is the whole record after the event, as parsed from JSON.

    (aggregate_id, version) names an event; `snapshot` repeats the version that the record has.
    `changed` is None on creation, `actor_id` None for the system, `history` None on all but a deal's snapshot.
    """

    id: UUID
    type: str
    tenant_id: UUID
    aggregate: str
    aggregate_id: UUID
    version: int
    occurred_at: datetime
    state: dict[str, Any]
    changed: dict[str, Change] | None = None
    actor_id: UUID | None = None
    traceparent: str | None = None
    history: list[Any] | None = None

    @property
    def verb(self) -> str:
        """The last word of the type: `stage_changed` of `crm.deal.stage_changed`."""
        return self.type.rpartition(".")[2]

    @property
    def tells_of_erasure(self) -> bool:
        """Say whether the record's personal data is gone, be it told of for the first time or again by a snapshot."""
        return self.verb == ERASED or self.state.get("erased_at") is not None

    def read(self, model: StateClass[StateModel]) -> StateModel:
        """Give the state as `model`, checked. Raises BadRecord when a field is missing or of another type."""
        if model.aggregate != self.aggregate:
            # A mistake of the consumer's code, which must not pass for a bad record and be dead-lettered.
            raise TypeError(f"a {self.aggregate} event has no {model.__name__}")
        try:
            return model.model_validate(self.state)
        except ValidationError as error:
            raise BadRecord(_describe(error, self.aggregate)) from error

    def read_uuid(self, field: str) -> UUID | None:
        """Give one reference of the state, for a consumer that needs no more of it. Raises BadRecord.

        Checking a whole deal for one field shows in a batch of hundreds.
        """
        value, where = self.state.get(field), f"field {self.aggregate}.{field}"
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRecord(f"{where} is not a UUID")
        return _parse_uuid(value, where)

    def read_history(self) -> list[StageEntry]:
        """Give a deal snapshot's stage history, oldest first; empty on other events. Raises BadRecord."""
        try:
            return _HISTORY.validate_python(self.history or [])
        except ValidationError as error:
            raise BadRecord(_describe(error, "history")) from error


def decode(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Event:
    """Read one record. Raises BadRecord, naming the header or field at fault, and nothing else.

    Fields of the state are not checked here, for speed: `Event.read` does that for those who need them typed.
    A verb that this release does not know is let through: the state it carries is whole all the same.
    """
    found = dict(headers)
    event_type, aggregate = _parse_type(*(found.get(name) for name in _TYPE_HEADERS))
    if "ce_source" not in found:
        raise BadRecord("header ce_source is missing")
    subject = _read_text(found, "ce_subject")
    aggregate_id = _parse_uuid(subject, "header ce_subject")
    if key != found["ce_subject"]:
        raise BadRecord("key is not the aggregate id in header ce_subject")
    tenant_id = _parse_familiar_uuid(_read_text(found, "ce_tenantid"), "header ce_tenantid")
    if aggregate == "tenant" and tenant_id != aggregate_id:
        raise BadRecord("header ce_tenantid is not the tenant itself")
    version = _read_sequence(found)
    data = _parse_value(value)
    return Event(
        id=_parse_uuid(_read_text(found, "ce_id"), "header ce_id"),
        type=event_type,
        tenant_id=tenant_id,
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        version=version,
        occurred_at=_read_time(found),
        state=_read_state(data, aggregate, subject, version),
        changed=_read_changed(data),
        actor_id=_read_actor(data),
        traceparent=_read_traceparent(found),
        history=_read_history(data),
    )


def _to_text(raw: bytes | None, name: str) -> str:
    if raw is None:
        raise BadRecord(f"header {name} is missing")
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadRecord(f"header {name} is not ASCII") from error


def _read_text(headers: Mapping[str, bytes], name: str) -> str:
    return _to_text(headers.get(name), name)


@lru_cache(maxsize=1024)  # some forty combinations recur in every record
def _parse_type(
    specversion: bytes | None, content_type: bytes | None, event_type: bytes | None, dataschema: bytes | None
) -> tuple[str, str]:
    """Check the headers in _TYPE_HEADERS; give the type and its aggregate."""
    if _to_text(specversion, "ce_specversion") != SPEC_VERSION:
        raise BadRecord(f"header ce_specversion is not {SPEC_VERSION}")
    if _to_text(content_type, "content-type").partition(";")[0].strip() != CONTENT_TYPE:
        raise BadRecord(f"header content-type is not {CONTENT_TYPE}")
    name = _to_text(event_type, "ce_type")
    match = _TYPE.fullmatch(name)
    if match is None:
        raise BadRecord("header ce_type is not crm.<aggregate>.<verb>")
    # Another number at its end announces a change that this release can't read: better kept aside than misread.
    if _to_text(dataschema, "ce_dataschema") != dataschema_of(name):
        raise BadRecord("header ce_dataschema is not the schema of ce_type")
    return name, match[1]


def _read_sequence(headers: Mapping[str, bytes]) -> int:
    text = _read_text(headers, "ce_sequence")
    if not text.isdigit() or len(text) > _MAX_VERSION_DIGITS or text.startswith("0"):
        raise BadRecord("header ce_sequence is not a positive integer")
    return int(text)


def _read_time(headers: Mapping[str, bytes]) -> datetime:
    text = _read_text(headers, "ce_time")
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise BadRecord("header ce_time has no time zone")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRecord("header ce_time is not an RFC 3339 time") from error


def _read_traceparent(headers: Mapping[str, bytes]) -> str | None:
    """Drop a malformed one, as the W3C says: tracing must not cost a record."""
    text = (headers.get("traceparent") or b"").decode("latin-1")
    return text if _TRACEPARENT.fullmatch(text) else None


def _parse_uuid(text: str, where: str) -> UUID:
    try:
        parsed = UUID(text)
    except ValueError as error:
        raise BadRecord(f"{where} is not a UUID") from error
    # UUID() also takes braces, urn: and capitals; keys are compared as bytes, so one spelling counts.
    if str(parsed) != text:
        raise BadRecord(f"{where} is not a UUID in lower case with hyphens")
    return parsed


_parse_familiar_uuid: Final = lru_cache(maxsize=4096)(_parse_uuid)  # tenants and actors recur; records don't


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
    return _parse_familiar_uuid(user_id, "field actor.user_id")


def _read_history(data: dict[str, Any]) -> list[Any] | None:
    history = data.get("history")
    if history is not None and not isinstance(history, list):
        raise BadRecord("field history is not a list")
    return history


def _describe(error: ValidationError, root: str) -> str:
    """Say where and why without the values, which may be personal data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join([root, *(str(part) for part in first["loc"])])
    return f"field {place}: {first['msg']}"
