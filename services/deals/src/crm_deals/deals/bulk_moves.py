"""Use case: move many deals at once. What is decided of each is what the single call decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.domain import Deal, DealEvent, DealNotFound, DealNotYours, InvalidStage
from crm_deals.pipelines import repository as pipelines
from crm_deals.pipelines.domain import Stage
from crm_shared.access import Caller
from crm_shared.audit import tell
from crm_shared.batches import Outcome
from crm_shared.clock import Clock
from crm_shared.database import UnitOfWork
from crm_shared.refusals import Forbidden, Refusal


@dataclass(frozen=True, slots=True)
class Move:
    """One item, in its place in the request."""

    index: int
    deal_id: UUID
    stage_id: UUID
    lost_reason: str | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MoveDeals:
    caller: Caller
    moves: Sequence[Move]


async def move_deals(command: MoveDeals, unit_of_work: UnitOfWork, clock: Clock) -> dict[int, Outcome | Refusal]:
    """Carry out the moves in their order, give what became of each by its index.

    The stages are locked before the deals: whoever deletes a stage locks it first too, and then its deals.
    """
    caller, moves = command.caller, command.moves
    async with unit_of_work.begin(caller) as transaction:
        targets = await pipelines.hold_stages(transaction, caller.tenant_id, {move.stage_id for move in moves})
        found = await repository.lock_many(transaction, caller, {move.deal_id for move in moves})
        present = {deal.stage_id for deal, _ in found.values()}
        stages = await pipelines.find_stages(transaction, caller.tenant_id, present) | targets
        many = _Moves(caller, found, stages, targets, now=clock.now())
        outcomes = {move.index: many.try_one(move) for move in moves}
        await repository.save_many(transaction, caller.tenant_id, list(many.changed.values()))
        await repository.record_history(transaction, caller, many.told)
        await tell(transaction, events.to_wire(many.told, tenant_id=caller.tenant_id, actor_id=caller.user_id))
    return outcomes


class _Moves:
    """Decides in memory; a deal that is moved twice is met the second time as the first left it."""

    def __init__(
        self,
        caller: Caller,
        found: Mapping[UUID, tuple[Deal, bool]],
        stages: Mapping[UUID, Stage],
        targets: Mapping[UUID, Stage],
        *,
        now: datetime,
    ) -> None:
        self.changed: dict[UUID, Deal] = {}
        self.told: list[DealEvent] = []
        self._caller = caller
        self._found = found
        self._stages = stages
        self._targets = targets
        self._now = now

    def try_one(self, move: Move) -> Outcome | Refusal:
        try:
            return self._move(move)
        except Refusal as refusal:
            return refusal

    def _move(self, move: Move) -> Outcome:
        if move.changed_at is not None and not self._caller.is_admin:
            raise Forbidden("Only an ADMIN may say when a move happened.")
        if move.deal_id not in self._found:
            raise DealNotFound
        before, governs = self._found[move.deal_id]
        if not governs:
            raise DealNotYours
        if move.stage_id not in self._targets:
            raise InvalidStage.at("/stage_id", "is not a stage of the deal's pipeline")
        deal = self.changed.get(move.deal_id, before)
        decision = domain.move(
            deal,
            self._stages[deal.stage_id],
            self._targets[move.stage_id],
            lost_reason=move.lost_reason,
            at=move.changed_at or max(self._now, deal.stage_changed_at),
            now=max(self._now, deal.stage_changed_at),
        )
        if decision.events:
            self.changed[deal.id] = decision.deal
            self.told += decision.events
        return Outcome(200, decision.deal.id, decision.deal.version, is_told=bool(decision.events))
