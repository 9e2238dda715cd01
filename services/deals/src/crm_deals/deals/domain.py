"""Deals: the rules. No I/O, no clock but the instant handed in; what happened comes back as events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from crm_deals.pipelines.domain import Stage, StageKind
from crm_shared.record_fields import FieldReader, field_values
from crm_shared.refusals import Conflict, Forbidden, InvalidField, NotFound, ValueTaken
from crm_shared.retention import RESTORABLE_FOR


class DealNotFound(NotFound):
    """Absent, or out of the caller's sight."""

    def __init__(self) -> None:
        super().__init__("There is no such deal.")


class DealNotYours(Forbidden):
    """In the caller's sight because its contact is shared with them; that lets nobody change a deal."""

    def __init__(self) -> None:
        super().__init__(
            "You see this deal because its contact is shared with you. Only its owner and their managers may change it."
        )


class DuplicateExternalId(ValueTaken):
    """Another deal has the external id already."""

    slug, title, value = "duplicate-external-id", "The external id is taken", "external id"


OF_PUT_AWAY = "is a stage of a pipeline that was put away"


class PipelineArchived(Conflict):
    slug, title = "pipeline-archived", "The deal's pipeline was put away"


class InvalidStage(InvalidField):
    slug, title = "invalid-stage", "The stage is not one of the deal's pipeline"


class DealStatus(StrEnum):
    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Deal:
    """A possible sale. `amount` may be unknown; `closed_at` stands while the stage is WON or LOST."""

    id: UUID
    version: int
    name: str
    contact_id: UUID | None
    original_contact_id: UUID | None
    company_id: UUID | None
    owner_id: UUID
    pipeline_id: UUID
    stage_id: UUID
    amount: Decimal | None
    currency: str
    close_date: date | None
    status: DealStatus
    stage_changed_at: datetime
    closed_at: datetime | None
    lost_reason: str | None
    description: str | None
    custom_data: Mapping[str, Any]
    external_id: str | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


FIELDS: Final = FieldReader(Deal)


@dataclass(frozen=True, slots=True)
class DealCreated:
    deal: Deal
    stage: Stage
    at: datetime


@dataclass(frozen=True, slots=True)
class DealEdited:
    deal: Deal
    before: Deal
    at: datetime


@dataclass(frozen=True, slots=True)
class DealMoved:
    """The deal as it stands in its new stage, still with the status it had."""

    deal: Deal
    before: Deal
    from_stage: Stage
    to_stage: Stage
    at: datetime


@dataclass(frozen=True, slots=True)
class DealStatusChanged:
    """The move closed or reopened the deal: `deal.status` says won, lost or open again."""

    deal: Deal
    before: Deal
    at: datetime


@dataclass(frozen=True, slots=True)
class DealDeleted:
    deal: Deal
    before: Deal
    at: datetime


@dataclass(frozen=True, slots=True)
class DealRestored:
    deal: Deal
    before: Deal
    at: datetime


DealEvent = DealCreated | DealEdited | DealMoved | DealStatusChanged | DealDeleted | DealRestored


@dataclass(frozen=True, slots=True)
class Decision:
    """The deal after the command and what there is to tell; no events means nothing changed."""

    deal: Deal
    events: tuple[DealEvent, ...]

    def then(self, later: "Decision") -> "Decision":
        """Go on with what was decided about the deal as this decision left it."""
        return Decision(later.deal, (*self.events, *later.events))


@dataclass(frozen=True, slots=True)
class NewDeal:
    """What a caller says of a deal to be: references are checked and the amount is in its currency's digits."""

    name: str
    contact_id: UUID | None
    company_id: UUID | None
    owner_id: UUID
    amount: Decimal | None
    currency: str
    close_date: date | None
    description: str | None
    external_id: str | None
    lost_reason: str | None
    custom_data: Mapping[str, Any] = field(default_factory=dict)


def create(deal_id: UUID, new: NewDeal, stage: Stage, *, at: datetime, now: datetime) -> Decision:
    """Make a deal in `stage`; in a WON or LOST one it is closed from the start.

    `at` is when that was, `now` when we hear of it; they differ on import. Raises InvalidField.
    """
    if at > now:
        raise InvalidField.at("/created_at", "lies in the future")
    if new.lost_reason is not None and stage.kind is not StageKind.LOST:
        raise InvalidField.at("/lost_reason", "belongs to a deal in a LOST stage")
    is_closed = stage.kind is not StageKind.OPEN
    deal = Deal(
        **field_values(new),
        id=deal_id,
        version=1,
        original_contact_id=None,
        pipeline_id=stage.pipeline_id,
        stage_id=stage.id,
        status=DealStatus(stage.kind),
        stage_changed_at=at,
        closed_at=at if is_closed else None,
        created_at=at,
        updated_at=now,
        deleted_at=None,
    )
    created = DealCreated(deal, stage, at=at)
    if not is_closed:
        return Decision(deal, (created,))
    changed = replace(deal, version=2)
    return Decision(changed, (created, DealStatusChanged(changed, before=deal, at=at)))


def edit(deal: Deal, changes: Mapping[str, Any], *, now: datetime) -> Decision:
    """Set the named fields. Values that are as they were change nothing; a lost reason belongs to a lost deal."""
    effective = {name: value for name, value in changes.items() if not _reads_alike(getattr(deal, name), value)}
    if not effective:
        return Decision(deal, ())
    if effective.get("lost_reason") is not None and deal.status is not DealStatus.LOST:
        raise InvalidField.at("/lost_reason", "belongs to a lost deal")
    if "contact_id" in effective:
        effective["original_contact_id"] = None  # given to this contact by somebody, not by a merge
    edited = replace(deal, **effective, version=deal.version + 1, updated_at=now)
    return Decision(edited, (DealEdited(edited, before=deal, at=now),))


def _reads_alike(present: object, wanted: object) -> bool:
    """Are they equal, and written alike? 12 and 12.00 are equal, but the second is how EUR is written."""
    return present == wanted and (not isinstance(present, Decimal) or str(present) == str(wanted))


def move(deal: Deal, from_stage: Stage, to: Stage, *, lost_reason: str | None, at: datetime, now: datetime) -> Decision:
    """Put `deal` into stage `to`: a WON or LOST stage closes it, an OPEN one reopens it.

    `at` is when it happened, `now` when we hear of it; they differ on import. Raises InvalidStage for a stage of
    another pipeline, InvalidField for a reason without a loss or a time that can't be.
    """
    if to.pipeline_id != deal.pipeline_id:
        raise InvalidStage.at("/stage_id", "is not a stage of the deal's pipeline")
    return transfer(deal, from_stage, to, lost_reason=lost_reason, at=at, now=now)


def transfer(
    deal: Deal, from_stage: Stage, to: Stage, *, lost_reason: str | None, at: datetime, now: datetime
) -> Decision:
    """Do the same, into whatever pipeline the stage is of."""
    if lost_reason is not None and to.kind is not StageKind.LOST:
        raise InvalidField.at("/lost_reason", "belongs to a move into a LOST stage")
    if to.id == deal.stage_id:
        return Decision(deal, ())
    if at > now:
        raise InvalidField.at("/changed_at", "lies in the future")
    if at < deal.stage_changed_at:
        raise InvalidField.at("/changed_at", "lies before the deal's last change of stage")
    moved = replace(
        deal,
        pipeline_id=to.pipeline_id,
        stage_id=to.id,
        stage_changed_at=at,
        version=deal.version + 1,
        updated_at=now,
    )
    if lost_reason is not None and deal.status is DealStatus.LOST:
        moved = replace(moved, lost_reason=lost_reason)  # from one LOST stage to another: no new loss, a new reason
    happened = DealMoved(moved, deal, from_stage, to, at=at)
    if DealStatus(to.kind) is deal.status:
        return Decision(moved, (happened,))
    changed = change_status(moved, to.kind, lost_reason=lost_reason, at=at)
    return Decision(changed.deal, (happened, changed))


def change_status(deal: Deal, kind: StageKind, *, lost_reason: str | None, at: datetime) -> DealStatusChanged:
    """Close or reopen: status, closed_at and the reason follow the stage's kind."""
    changed = replace(
        deal,
        status=DealStatus(kind),
        closed_at=None if kind is StageKind.OPEN else at,
        lost_reason=lost_reason if kind is StageKind.LOST else None,
        version=deal.version + 1,
    )
    return DealStatusChanged(changed, before=deal, at=at)


def delete(deal: Deal, *, now: datetime) -> DealDeleted:
    """Hide the deal from lists, boards and reports."""
    deleted = replace(deal, deleted_at=now, version=deal.version + 1, updated_at=now)
    return DealDeleted(deleted, before=deal, at=now)


def restore(deal: Deal, *, now: datetime) -> DealRestored | None:
    """Bring a deleted deal back as it was; None when it is there. Raises DealNotFound once it is gone for good."""
    if deal.deleted_at is None:
        return None
    if now - deal.deleted_at > RESTORABLE_FOR:
        raise DealNotFound
    restored = replace(deal, deleted_at=None, version=deal.version + 1, updated_at=now)
    return DealRestored(restored, before=deal, at=now)
