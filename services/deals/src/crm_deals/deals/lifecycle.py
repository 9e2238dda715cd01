"""Use cases: delete a deal, and bring it back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.domain import Deal, DealDeleted, DealRestored, DealStatus, PipelineArchived
from crm_deals.pipelines import repository as pipelines
from crm_shared.access import Caller
from crm_shared.clock import Clock
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class DeleteDeal:
    caller: Caller
    deal_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class RestoreDeal:
    caller: Caller
    deal_id: UUID
    expected_version: tuple[int, ...] | None


async def delete_deal(command: DeleteDeal, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Hide one deal, give its last state. Raises DealNotFound, DealNotYours, StaleVersion."""
    async with unit_of_work.begin(command.caller) as transaction:
        deal = await repository.load_for_update(transaction, command.caller, command.deal_id)
        require_version(deal.version, command.expected_version)
        return await _conclude(transaction, command.caller, domain.delete(deal, now=clock.now()))


async def restore_deal(command: RestoreDeal, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Bring one deal back, give its state; one that is there stays as it is.

    Raises DealNotFound (also for one that is gone for good), DealNotYours, StaleVersion, PipelineArchived,
    DuplicateExternalId.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        deal = await repository.load_any_for_update(transaction, caller, command.deal_id)
        require_version(deal.version, command.expected_version)
        event = domain.restore(deal, now=clock.now())
        if event is None:
            return events.to_state(deal)
        await _require_place(transaction, caller, deal)
        return await _conclude(transaction, caller, event)


async def _require_place(transaction: Transaction, caller: Caller, deal: Deal) -> None:
    """Hold the open deal's stage as it is, as a move into it would: a pipeline that was put away holds no open deal."""
    if deal.status is DealStatus.OPEN:
        stages = await pipelines.find_move(transaction, caller.tenant_id, deal.stage_id, deal.stage_id)
        if deal.stage_id not in stages:
            raise PipelineArchived("Bring the pipeline back first.")


async def _conclude(transaction: Transaction, caller: Caller, event: DealDeleted | DealRestored) -> dict[str, Any]:
    await repository.save_unique(transaction, caller, event.deal, before=event.before)
    await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return events.to_state(event.deal)
