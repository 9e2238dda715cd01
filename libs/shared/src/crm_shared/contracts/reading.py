"""From a Kafka record to an Event. Nothing but BadRecord may come of a record, whatever its bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from crm_shared.contracts.dated_values import ValueEntry
from crm_shared.contracts.errors import BadRecord, describe
from crm_shared.contracts.event_types import CONTENT_TYPE, DELETED, SPEC_VERSION, VERBS, Change, dataschema_of
from crm_shared.contracts.states import StageEntry, State
from crm_shared.contracts.topics import ERASED, TOPIC_OF_AGGREGATE, TOPICS
from crm_shared.contracts.values import parse_familiar_uuid, parse_uuid, read_value

_TYPE: Final = re.compile(rf"crm\.({'|'.join(VERBS)})\.[a-z][a-z_]*")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TYPE_HEADERS: Final = ("ce_specversion", "content-type", "ce_type", "ce_dataschema", "ce_source")
_MAX_VERSION_DIGITS: Final = 18  # fits PostgreSQL's bigint

_ENDS: Final = ("deleted_at", "erased_at")

_HISTORY: Final = TypeAdapter(list[StageEntry])

StateModel = TypeVar("StateModel", bound=State)
EntryModel = TypeVar("EntryModel", bound=ValueEntry)
EntryClass: TypeAlias = type[EntryModel]
StateClass: TypeAlias = type[StateModel]  # inside Event the word `type` is its field


@dataclass(frozen=True, slots=True)
class Event:
    """What a consumer is given. `state` is the whole record after the event, as parsed from JSON.

    (aggregate_id, version) names an event; `snapshot` repeats the version that the record has.
    `changed` is None on creation, `actor_id` None for the system, `history` None on all but a
    deal's snapshot, `value_history` on all but snapshots of deals and pipelines. `restored_from`: the versions after it
    and before `version` are no longer so, since their service was restored to a moment before them.
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
    value_history: list[Any] | None = None
    restored_from: int | None = None

    @property
    def verb(self) -> str:
        """The last word of the type: `stage_changed` of `crm.deal.stage_changed`."""
        return self.type.rpartition(".")[2]

    @property
    def is_erasure(self) -> bool:
        """Return whether the record's personal data is gone, said for the first time or again by a snapshot."""
        return self.verb == ERASED or self.state.get("erased_at") is not None

    @property
    def is_removal(self) -> bool:
        """Return whether nobody may find the record any more: it is deleted or erased, by type or by state."""
        return self.verb in {DELETED, ERASED} or any(self.state.get(name) is not None for name in _ENDS)

    def read_unless_over(self, model: StateClass[StateModel]) -> StateModel | None:
        """Do as `read`; None where the state can't be read and the event tells of the record's end.

        Headers say enough then: id, version and tenant. An end that waits for a mended field would leave to be seen
        what nobody may see any longer. Raises BadRecord for any other event that can't be read.
        """
        try:
            return self.read(model)
        except BadRecord:
            if self.is_removal:
                return None
            raise

    def read(self, model: StateClass[StateModel]) -> StateModel:
        """Return the state as `model`, checked. Raises BadRecord when a field is missing or of another type."""
        if model.aggregate != self.aggregate:
            # A mistake of the consumer's code, which must not pass for a bad record and be dead-lettered.
            raise TypeError(f"a {self.aggregate} event has no {model.__name__}")
        try:
            return model.model_validate(self.state)
        except ValidationError as error:
            raise BadRecord(describe(error, self.aggregate)) from error

    def read_uuid(self, field: str) -> UUID | None:
        """Return one reference of the state, for a consumer that needs no more of it. Raises BadRecord.

        Checking a whole deal for one field shows in a batch of hundreds.
        """
        value, where = self.state.get(field), f"field {self.aggregate}.{field}"
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRecord(f"{where} is not a UUID")
        return parse_uuid(value, where)

    def read_history(self) -> list[StageEntry]:
        """Return a deal snapshot's stage history, oldest first; empty on other events. Raises BadRecord."""
        try:
            return _HISTORY.validate_python(self.history or [])
        except ValidationError as error:
            raise BadRecord(describe(error, "history")) from error

    def read_value_history(self, model: EntryClass[EntryModel]) -> list[EntryModel]:
        """Return what a snapshot tells of past values, oldest first; empty on other events. Raises BadRecord."""
        try:
            return [model.model_validate(entry) for entry in self.value_history or []]
        except ValidationError as error:
            raise BadRecord(describe(error, "value_history")) from error


def decode(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]], *, topic: str | None = None
) -> Event:
    """Read one record. Raises BadRecord, naming the header or field at fault, and nothing else.

    Only the service that owns an aggregate tells of it: another `ce_source` is refused, and on one of our topics any
    aggregate but the topic's. `topic` is where the record was read; a test's own topic is nobody's.

    Fields of the state are not checked here, for speed: `Event.read` does that for those who need them typed.
    A verb that this release does not know is let through: the state it carries is whole all the same. A deletion or an
    erasure whose value can't be read has id and version for its state: see `Event.read_unless_over`.
    """
    found = dict(headers)
    event_type, aggregate = _parse_type(*(found.get(name) for name in _TYPE_HEADERS))
    if topic in TOPICS and TOPICS[topic].aggregate != aggregate:
        raise BadRecord(f"header ce_type is not of topic {topic}")
    subject = _read_text(found, "ce_subject")
    aggregate_id = parse_uuid(subject, "header ce_subject")
    if key != found["ce_subject"]:
        raise BadRecord("key is not the aggregate id in header ce_subject")
    tenant_id = parse_familiar_uuid(_read_text(found, "ce_tenantid"), "header ce_tenantid")
    if aggregate == "tenant" and tenant_id != aggregate_id:
        raise BadRecord("header ce_tenantid is not the tenant itself")
    version = _read_sequence(found)
    decoded = read_value(value, event_type, aggregate, subject, version)
    # No state has it today; one that came to say whose it is may not contradict its header.
    if decoded.state.get("tenant_id") not in (None, str(tenant_id)):
        raise BadRecord(f"field {aggregate}.tenant_id is not header ce_tenantid")
    return Event(
        id=parse_uuid(_read_text(found, "ce_id"), "header ce_id"),
        type=event_type,
        tenant_id=tenant_id,
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        version=version,
        occurred_at=_read_time(found),
        state=decoded.state,
        changed=decoded.changed,
        actor_id=decoded.actor_id,
        traceparent=_read_traceparent(found),
        history=decoded.history,
        value_history=decoded.value_history,
        restored_from=decoded.restored_from,
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
    specversion: bytes | None,
    content_type: bytes | None,
    event_type: bytes | None,
    dataschema: bytes | None,
    source: bytes | None,
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
    if _to_text(source, "ce_source") != TOPIC_OF_AGGREGATE[match[1]].source:
        raise BadRecord("header ce_source is not the service that tells of ce_type")
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
