"""From a new version of a record to an outbox row's event, and from that row to the headers on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json
from uuid_utils.compat import uuid7

from crm_shared.contracts.dated_values import VALUE_ENTRIES
from crm_shared.contracts.errors import describe
from crm_shared.contracts.event_types import CONTENT_TYPE, SPEC_VERSION, VERBS, Change, dataschema_of
from crm_shared.contracts.states import STATE_MODELS, StageEntry
from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE
from crm_shared.json_text import JsonText, to_json
from crm_shared.time_window import to_instant


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """What a command appends to the outbox. `payload` is the record's value: the bytes that go on the wire.

    `changed` and `actor_id` are in the payload too; here the audit finds them. `state_bytes` is how long the record's
    state is in the payload, for whoever writes the record itself. What stands in two places is written as JSON once.
    """

    aggregate: str
    aggregate_id: UUID
    type: str
    version: int
    tenant_id: UUID
    occurred_at: datetime
    payload: bytes
    id: UUID
    changed: JsonText | None = None
    actor_id: UUID | None = None
    state_bytes: int = 0

    @property
    def state(self) -> JsonText:
        """The record's state as the payload has it; nothing of an event that `new_event` did not build."""
        begin = len(_to_head(self.aggregate))
        return JsonText(self.payload[begin : begin + self.state_bytes])

    @property
    def topic(self) -> str:
        return TOPIC_OF_AGGREGATE[self.aggregate].name

    @property
    def source(self) -> str:
        """The `ce_source`: `/crm/` and the service that owns the aggregate."""
        return TOPIC_OF_AGGREGATE[self.aggregate].source

    @property
    def dataschema(self) -> str:
        return dataschema_of(self.type)

    @property
    def occurred_at_text(self) -> str:
        """The `ce_time`: RFC 3339 in UTC, to the microsecond."""
        return format_time(self.occurred_at)

    def headers(self, traceparent: str | None = None) -> list[tuple[str, bytes]]:
        return to_headers(
            event_id=self.id,
            event_type=self.type,
            source=self.source,
            subject=self.aggregate_id,
            time=self.occurred_at_text,
            dataschema=self.dataschema,
            tenant_id=self.tenant_id,
            sequence=self.version,
            traceparent=traceparent,
        )


@lru_cache(maxsize=64)  # the events of one act have one instant
def format_time(instant: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, always with six decimals, so that texts sort as instants do."""
    if instant.tzinfo is None:
        raise ValueError("an event's time needs a time zone")
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_value(
    aggregate: str, state: Mapping[str, Any], *, changed: Mapping[str, Change] | None, actor_id: UUID | None
) -> dict[str, Any]:
    """Return what an event's JSON holds, for writers of many events at once; all others take `new_event`."""
    return {aggregate: state, "changed": changed, **_list_beside(actor_id)}


def _to_head(aggregate: str) -> bytes:
    """Return how an event's JSON begins, up to the record's state."""
    return b'{"' + aggregate.encode() + b'":'


def _list_beside(actor_id: UUID | None) -> dict[str, Any]:
    """Return what stands in an event's JSON beside the record and what it has changed."""
    return {"actor": None if actor_id is None else {"user_id": actor_id}}


def require_readable(
    aggregate: str,
    state: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    value_history: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Hold a state against the contract as its readers will. Raises ValueError naming the field, and no value.

    A record that nobody can read is set aside by every consumer, its deletion too: one request that fails is better.
    Takes 5 µs for a deal.
    """
    try:
        STATE_MODELS[aggregate].model_validate(state)
        for entry in history:
            StageEntry.model_validate(entry)
        for entry in value_history:
            VALUE_ENTRIES[aggregate].model_validate(entry)
    except ValidationError as error:
        broken = describe(error, aggregate)
        raise ValueError(f"the {aggregate} {state.get('id')} would break the contract: {broken}") from None


def new_event(  # noqa: PLR0913 - one argument for each fact of the envelope, all by name
    *,
    aggregate: str,
    aggregate_id: UUID,
    verb: str,
    version: int,
    tenant_id: UUID,
    occurred_at: datetime,
    state: Mapping[str, Any],
    changed: Mapping[str, Change] | None,
    actor_id: UUID | None,
    history: Sequence[Mapping[str, Any]] | None = None,
    value_history: Sequence[Mapping[str, Any]] | None = None,
) -> OutboxEvent:
    """Build the event that tells of one new version; `state` is the whole record as GET answers it.

    Values may be UUID, datetime, date and Decimal; they become strings. `history` belongs to a deal's snapshot,
    `value_history` to a deal's and a pipeline's. Raises ValueError for a verb the aggregate has not, when the state is
    of another id or version, and when no reader could read it: whoever asked for the change hears of it, before it is
    made.
    """
    if verb not in VERBS.get(aggregate, ()):
        raise ValueError(f"no event type crm.{aggregate}.{verb}")
    state_id = state.get("id")
    if (state_id != aggregate_id and str(state_id) != str(aggregate_id)) or state.get("version") != version:
        raise ValueError(f"the {aggregate}'s state is not that of {aggregate_id} at version {version}")
    require_readable(aggregate, state, history or (), value_history or ())
    beside = _list_beside(actor_id)
    if history is not None:
        beside["history"] = history
    if value_history is not None:
        beside["value_history"] = value_history
    written, changed_text = to_json(state), to_json(changed)
    return OutboxEvent(
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        type=f"crm.{aggregate}.{verb}",
        version=version,
        tenant_id=tenant_id,
        occurred_at=to_instant(occurred_at),
        payload=_to_head(aggregate) + written + b',"changed":' + changed_text + b"," + to_json(beside)[1:],
        id=uuid7(),
        changed=None if changed is None else JsonText(changed_text),
        actor_id=actor_id,
        state_bytes=len(written),
    )


def restored(snapshot: OutboxEvent, restored_from: int) -> OutboxEvent:
    """Return a snapshot that also says that the versions after `restored_from` and before its own are no longer so.

    Raises ValueError where it has no such versions.
    """
    if not 0 <= restored_from < snapshot.version:
        raise ValueError(f"version {snapshot.version} can't be restored from {restored_from}")
    value = from_json(snapshot.payload) | {"restored_from": restored_from}
    return replace(snapshot, payload=to_json(value), state_bytes=0)


def to_headers(  # noqa: PLR0913 - one argument for each header, all by name
    *,
    event_id: UUID | str,
    event_type: str,
    source: str,
    subject: UUID | str,
    time: str,
    dataschema: str,
    tenant_id: UUID | str,
    sequence: int,
    specversion: str = SPEC_VERSION,
    content_type: str = CONTENT_TYPE,
    traceparent: str | None = None,
) -> list[tuple[str, bytes]]:
    """Return the record's headers, in the order that is on the wire, from the outbox row's columns as they stand."""
    headers = [
        ("ce_specversion", specversion.encode()),
        ("ce_id", str(event_id).encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_subject", str(subject).encode()),
        ("ce_time", time.encode()),
        ("ce_dataschema", dataschema.encode()),
        ("ce_tenantid", str(tenant_id).encode()),
        ("ce_sequence", str(sequence).encode()),
        ("content-type", content_type.encode()),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers
