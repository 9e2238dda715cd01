"""From events to versions: what each one made of a deal's dated values, and of a pipeline's stages. No I/O.

An event and the snapshot that repeats it later give the same row, so that a projection made anew from snapshots equals
one that heard every event.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_reporting.projections import CountedDeal, DealChange
from crm_reporting.value_history import EDITS, MOVES, fold_values
from crm_shared.contracts import Event
from crm_shared.contracts.dated_values import PipelineValueEntry
from crm_shared.contracts.states import PipelineState, Stage

CREATION: Final = "created"
END_VERBS: Final = frozenset({"deleted", "restored"})


class DealVersion(NamedTuple):
    """What one version made of a deal, in the order of the table's columns.

    `is_move`, `is_edit`: which of the two groups of values it changed. Of a deal whose end could not be read, all that
    is known is that it is gone; the values are None then.
    """

    tenant_id: UUID
    deal_id: UUID
    version: int
    changed_at: datetime
    is_move: bool
    is_edit: bool
    pipeline_id: UUID | None
    stage_id: UUID | None
    stage_changed_at: datetime | None
    status: str | None
    closed_at: datetime | None
    amount: Decimal | None
    currency: str | None
    owner_id: UUID | None
    close_date: date | None
    is_deleted: bool


class StageVersion(NamedTuple):
    """One stage as one version of its pipeline has it, in the order of the table's columns."""

    tenant_id: UUID
    pipeline_id: UUID
    version: int
    stage_id: UUID
    changed_at: datetime
    name: str
    win_probability: int
    kind: str
    position: int


def to_deal_versions(changes: Sequence[DealChange]) -> list[DealVersion]:
    """Return the versions that the events tell of, sorted by key. Raises BadRecord."""
    found = {row[:3]: row for change in changes for row in _list_deal_versions(change)}
    return [found[key] for key in sorted(found)]


def to_stage_versions(events: Sequence[Event]) -> list[StageVersion]:
    """Return each stage of each version that the events tell of, sorted by key. Raises BadRecord."""
    found = {row[:4]: row for event in events for row in _list_stage_versions(event)}
    return [found[key] for key in sorted(found)]


def _list_deal_versions(change: DealChange) -> Iterator[DealVersion]:
    event, deal = change
    key = (event.tenant_id, event.aggregate_id)
    if deal is None:
        nothing = (None,) * 9
        yield DealVersion(*key, event.version, event.occurred_at, False, True, *nothing, is_deleted=True)  # noqa: FBT003
    elif event.value_history is not None:
        for entry in fold_values(event):
            yield _to_deal_version((*key, entry.version), entry.changed_at, entry.fields, entry.values)
    elif event.verb == CREATION:
        yield _to_deal_version((*key, event.version), event.occurred_at, MOVES | EDITS, _values_of(deal))
    elif event.changed is not None:
        fields = {"deleted_at", *event.changed} if event.verb in END_VERBS else set(event.changed)
        if not fields.isdisjoint(MOVES | EDITS):
            yield _to_deal_version((*key, event.version), event.occurred_at, fields, _values_of(deal))


def _values_of(deal: CountedDeal) -> dict[str, Any]:
    return {name: getattr(deal, name) for name in MOVES | EDITS}


def _to_deal_version(
    key: tuple[UUID, UUID, int],
    at: datetime,
    fields: Collection[str],
    values: Mapping[str, Any],
) -> DealVersion:
    return DealVersion(
        *key,
        at,
        not MOVES.isdisjoint(fields),
        not EDITS.isdisjoint(fields),
        values["pipeline_id"],
        values["stage_id"],
        values["stage_changed_at"],
        values["status"],
        values["closed_at"],
        values["amount"],
        values["currency"],
        values["owner_id"],
        values["close_date"],
        values["deleted_at"] is not None,
    )


def _list_stage_versions(event: Event) -> Iterator[StageVersion]:
    if event.value_history is not None:
        for entry in event.read_value_history(PipelineValueEntry):
            yield from _to_stage_versions(event, entry.version, entry.changed_at, entry.values.stages)
    elif event.verb == CREATION or "stages" in (event.changed or ()):
        state = event.read(PipelineState)
        yield from _to_stage_versions(event, state.version, event.occurred_at, state.stages)


def _to_stage_versions(event: Event, version: int, at: datetime, stages: Sequence[Stage]) -> Iterator[StageVersion]:
    for stage in stages:
        key = (event.tenant_id, event.aggregate_id, version, stage.id)
        yield StageVersion(*key, at, stage.name, stage.win_probability, stage.kind, stage.position)
