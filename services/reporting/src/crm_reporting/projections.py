"""From events to rows: deal facts, stage transitions, pipelines. No I/O; which row is newer is the store's to say."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from crm_reporting.value_history import fold_values
from crm_shared.access.shares import list_shares
from crm_shared.contracts import BadRecord, Event
from crm_shared.contracts.states import (
    Amount,
    ContactSource,
    ContactState,
    Currency,
    Day,
    DealStatus,
    Instant,
    PipelineState,
    SharePermission,
    StageEntry,
    State,
)

LOST_REASON_CHARS: Final = 500
"""Of a reason, which may be a whole page, this much is kept: reports name a group by it."""

_NOWHERE: Final = UUID(int=0)


class CountedDeal(State):
    """What reports read of a deal's state: checking only these fields takes half the time of checking them all."""

    aggregate: ClassVar[str] = "deal"

    name: str
    pipeline_id: UUID
    stage_id: UUID
    owner_id: UUID | None = None
    contact_id: UUID | None = None
    status: DealStatus
    amount: Amount | None = None
    currency: Currency
    close_date: Day | None = None
    stage_changed_at: Instant
    closed_at: Instant | None = None
    lost_reason: str | None = None
    deleted_at: Instant | None = None


class DealChange(NamedTuple):
    """One event with the state it carries, read. Without one all that is known is that the deal is gone."""

    event: Event
    deal: CountedDeal | None


class DealFact(NamedTuple):
    """A deal as it stands, in the order of the table's columns. `is_deleted`: hidden, and counted nowhere."""

    tenant_id: UUID
    deal_id: UUID
    version: int
    pipeline_id: UUID
    stage_id: UUID
    owner_id: UUID | None
    contact_id: UUID | None
    status: str
    amount: Decimal | None
    currency: str
    close_date: date | None
    created_at: datetime
    stage_changed_at: datetime
    closed_at: datetime | None
    is_deleted: bool
    lost_reason: str | None
    name: str | None


class StageTransition(NamedTuple):
    """One entry into a stage, in the order of the table's columns, as things were called and stood then.

    Without `from_stage_id` it is the creation. A creation's event names no stage, and a snapshot of
    before release 0.2 no owner or amount: those are None, until an event that knows them comes.
    """

    tenant_id: UUID
    deal_id: UUID
    version: int
    pipeline_id: UUID | None
    from_stage_id: UUID | None
    from_stage_name: str | None
    to_stage_id: UUID
    to_stage_name: str | None
    changed_at: datetime
    changed_by: UUID | None
    owner_id: UUID | None
    amount: Decimal | None
    currency: str | None


class KnownPipeline(NamedTuple):
    tenant_id: UUID
    state: PipelineState


class KnownContact(NamedTuple):
    """Without owner and shares where it is deleted or merged away: nobody sees anything by it.

    Its source counts as long as deals name it, wherever it is: `is_deleted` tells that its owner shows it no more.
    """

    tenant_id: UUID
    id: UUID
    version: int
    owner_id: UUID | None
    source: ContactSource | None
    is_deleted: bool
    shares: Sequence[tuple[UUID, SharePermission]]


def read_deals(events: Sequence[Event]) -> list[DealChange]:
    """Read every event's state, once. Raises BadRecord when one is not whole and does not tell of the deal's end.

    Of older events too, though only a deal's newest makes its fact: what is bad must not depend on the batch.
    """
    return [DealChange(event, event.read_unless_over(CountedDeal)) for event in events]


def to_facts(changes: Sequence[DealChange]) -> list[DealFact]:
    """Return one fact a deal, from the newest of its events, sorted by key: all batches lock rows in one order."""
    newest: dict[tuple[UUID, UUID], DealChange] = {}
    for change in changes:
        key = (change.event.tenant_id, change.event.aggregate_id)
        known = newest.get(key)
        if known is None or known.event.version < change.event.version:
            newest[key] = change
    return [_to_fact(newest[key]) for key in sorted(newest)]


def to_transitions(changes: Sequence[DealChange]) -> list[StageTransition]:
    """Return the entries into stages that the events tell of, one a version, sorted by key. Raises BadRecord."""
    found: dict[tuple[UUID, UUID, int], StageTransition] = {}
    for change in changes:
        for transition in _list_transitions(change):
            key = transition[:3]
            known = found.get(key)
            found[key] = transition if known is None else _complete(known, transition)
    return [found[key] for key in sorted(found)]


def to_pipelines(events: Sequence[Event]) -> list[KnownPipeline]:
    """Return each pipeline's newest state, sorted by key. Raises BadRecord."""
    newest: dict[tuple[UUID, UUID], KnownPipeline] = {}
    for event in events:
        key = (event.tenant_id, event.aggregate_id)
        state = event.read(PipelineState)
        if key not in newest or newest[key].state.version < state.version:
            newest[key] = KnownPipeline(event.tenant_id, state)
    return [newest[key] for key in sorted(newest)]


def to_contacts(events: Sequence[Event]) -> list[KnownContact]:
    """Return each contact's newest owner, source and shares, sorted by key. Raises BadRecord."""
    newest: dict[tuple[UUID, UUID], KnownContact] = {}
    for event in events:
        key = (event.tenant_id, event.aggregate_id)
        state = event.read_unless_over(ContactState)
        if key not in newest or newest[key].version < event.version:
            newest[key] = _to_contact(event, state)
    return [newest[key] for key in sorted(newest)]


def _to_contact(event: Event, state: ContactState | None) -> KnownContact:
    key = (event.tenant_id, event.aggregate_id, event.version)
    if state is None:
        return KnownContact(*key, owner_id=None, source=None, is_deleted=True, shares=())
    is_deleted = state.deleted_at is not None or state.merged_into is not None
    return KnownContact(*key, None if is_deleted else state.owner_id, state.source, is_deleted, list_shares(state))


def _to_fact(change: DealChange) -> DealFact:
    event, deal = change
    if deal is None:
        return _to_end(event)
    return DealFact(
        event.tenant_id,
        deal.id,
        deal.version,
        deal.pipeline_id,
        deal.stage_id,
        deal.owner_id,
        deal.contact_id,
        deal.status,
        deal.amount,
        deal.currency,
        deal.close_date,
        deal.created_at,
        deal.stage_changed_at,
        deal.closed_at,
        deal.deleted_at is not None,
        deal.lost_reason[:LOST_REASON_CHARS] if deal.lost_reason else None,
        deal.name,
    )


def _to_end(event: Event) -> DealFact:
    """Make the fact of a deal that is gone: it counts nowhere, and nothing older brings it back."""
    key = (event.tenant_id, event.aggregate_id, event.version)
    at = event.occurred_at
    return DealFact(
        *(*key, _NOWHERE, _NOWHERE, None, None, "OPEN", None, "XXX", None, at, at, None),
        is_deleted=True,
        lost_reason=None,
        name=None,
    )


def _list_transitions(change: DealChange) -> list[StageTransition]:
    """Find entries by what changed, not by the event's name: a change of pipeline brings a deal into a stage too."""
    event, deal = change
    if deal is None:
        return []
    if event.history is not None:
        values = {folded.version: folded.values for folded in fold_values(event)}
        return [_from_history(event, entry, values.get(entry.version, {})) for entry in event.read_history()]
    if event.verb == "created":
        return [_from_event(event, deal, from_stage_id=None, from_stage_name=None, to_stage_name=None)]
    if event.changed is None or "stage_id" not in event.changed:
        return []
    names: Any = event.changed.get("stage_name", {"from": None, "to": None})
    return [
        _from_event(
            event,
            deal,
            from_stage_id=_read_uuid(event.changed["stage_id"]["from"], "changed.stage_id.from"),
            from_stage_name=_read_name(names["from"], "changed.stage_name.from"),
            to_stage_name=_read_name(names["to"], "changed.stage_name.to"),
        )
    ]


def _from_event(
    event: Event,
    deal: CountedDeal,
    *,
    from_stage_id: UUID | None,
    from_stage_name: str | None,
    to_stage_name: str | None,
) -> StageTransition:
    return StageTransition(
        event.tenant_id,
        deal.id,
        deal.version,
        deal.pipeline_id,
        from_stage_id,
        from_stage_name,
        deal.stage_id,
        to_stage_name,
        deal.stage_changed_at,
        event.actor_id,
        deal.owner_id,
        deal.amount,
        deal.currency,
    )


def _from_history(event: Event, entry: StageEntry, values: Mapping[str, Any]) -> StageTransition:
    """Read an entry as its own event would be. `values` as of then; a release that did not tell them yet gives none."""
    source = entry.from_stage
    return StageTransition(
        event.tenant_id,
        event.aggregate_id,
        entry.version,
        values.get("pipeline_id"),
        source.id if source else None,
        source.name if source else None,
        entry.to_stage.id,
        entry.to_stage.name if source else None,  # a creation's own event names none
        entry.changed_at,
        entry.changed_by,
        values.get("owner_id"),
        values.get("amount"),
        values.get("currency"),
    )


def _complete(known: StageTransition, other: StageTransition) -> StageTransition:
    """Unite what two records tell of one entry; neither contradicts the other."""
    unknown = {name: value for name, value in other._asdict().items() if getattr(known, name) is None}
    return known._replace(**unknown)


def _read_uuid(value: object, field: str) -> UUID:
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError as error:
        raise BadRecord(f"field {field} is not a UUID") from error


def _read_name(value: object, field: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadRecord(f"field {field} is not a text")
    return value
