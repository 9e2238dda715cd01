"""Use cases of deals: load, decide, save, publish; one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_deals.deals import domain, events, repository
from crm_deals.deals.domain import OF_PUT_AWAY, Deal, InvalidStage, NewDeal
from crm_deals.deals.editing import apply_changes, fit_amount
from crm_deals.deals.stage_choice import choose_first
from crm_deals.pipelines import commands as pipelines
from crm_deals.pipelines import repository as pipeline_repository
from crm_deals.pipelines.domain import Stage
from crm_shared.access import Caller, Permission
from crm_shared.access.visible_records import find_visible_owners, require_visible_owner
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.writing import check_new, merge_changes
from crm_shared.features.replicas.canonical import lock_canonical_one, require_canonical, resolve_contact_change
from crm_shared.features.replicas.records import ReplicaRecord
from crm_shared.features.replicas.references import Reference, References
from crm_shared.money import to_amount
from crm_shared.publishing import publish
from crm_shared.record_fields import field_names
from crm_shared.refusals import InvalidField, Unavailable, require_version

ATTEMPTS = 3
REFERENCES = {"contact_id": "contact", "company_id": "company", "owner_id": "user"}


@dataclass(frozen=True, slots=True)
class CreateDeal:
    """`currency`, `owner_id`, `pipeline_id` and `stage_id` may be left to their defaults."""

    caller: Caller
    name: str
    contact_id: UUID | None
    company_id: UUID | None
    owner_id: UUID | None
    pipeline_id: UUID | None
    stage_id: UUID | None
    amount: Decimal | None
    currency: str | None
    close_date: date | None
    description: str | None
    external_id: str | None
    lost_reason: str | None
    custom_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditDeal:
    """`changes`: the fields that the request named, None included."""

    caller: Caller
    deal_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class MoveDeal:
    caller: Caller
    deal_id: UUID
    stage_id: UUID
    lost_reason: str | None
    changed_at: datetime | None
    expected_version: tuple[int, ...] | None


async def create_deal(
    command: CreateDeal, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Create one deal, give its state.

    Raises UnknownReference, InvalidStage, DuplicateExternalId, UnknownCustomField, InvalidField.
    """
    caller = command.caller
    named = {"contact_id": command.contact_id, "company_id": command.company_id, "owner_id": command.owner_id}
    found = await references.require(caller, *_list_references(named))
    new = to_new_deal(command, found.get("/contact_id"))
    async with unit_of_work.begin(caller) as transaction:
        require_visible_owner(new.owner_id, await find_visible_owners(transaction, caller, [new.owner_id]))
        require_canonical(new.contact_id, await lock_canonical_one(transaction, caller.tenant_id, new.contact_id))
        custom_data = await check_new(transaction, caller.tenant_id, EntityType.DEAL, command.custom_data)
        decision = await _insert(transaction, command, replace(new, custom_data=custom_data), clock)
        await repository.record_history(transaction, caller.tenant_id, caller.user_id, decision.events)
        await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
    return events.to_state(decision.deal)


def to_new_deal(command: CreateDeal, contact: ReplicaRecord | None) -> NewDeal:
    """Fill in what the caller left out: the contact's company, themselves as owner, the base currency.

    `contact` is the one named. Raises InvalidField for an amount that the currency has no digits for.
    """
    currency = command.currency or command.caller.base_currency
    settled = {
        "company_id": command.company_id or (contact.company_id if contact else None),
        "owner_id": command.owner_id or command.caller.user_id,
        "amount": None if command.amount is None else to_amount(command.amount, currency),
        "currency": currency,
    }
    return NewDeal(**{name: getattr(command, name) for name in field_names(NewDeal)} | settled)


async def _insert(transaction: Transaction, command: CreateDeal, new: NewDeal, clock: Clock) -> domain.Decision:
    """Write the deal into its first stage, looking again when the stage changes in between."""
    for _ in range(ATTEMPTS):
        stage = await _load_first_stage(transaction, command, clock)
        now = clock.now()
        decision = domain.create(new_id(), new, stage, at=now, now=now)
        if await repository.insert(transaction, command.caller.tenant_id, decision.deal):
            return decision
        conflict = await repository.find_conflict(transaction, command.caller, decision.deal)
        if conflict is not None:
            raise conflict
    raise Unavailable("The pipeline's stages are being changed right now. Try again.")


async def edit_deal(
    command: EditDeal, unit_of_work: UnitOfWork, references: References, clock: Clock
) -> dict[str, Any]:
    """Change fields of one deal.

    Raises DealNotFound, DealNotYours, StaleVersion, UnknownReference, InvalidStage, DuplicateExternalId,
    UnknownCustomField, InvalidField.
    """
    caller = command.caller
    named = {name: command.changes[name] for name in REFERENCES if command.changes.get(name) is not None}
    if named:  # before the transaction: an owner's answer may take its time, and a lock must not wait for it
        present = await repository.load(references.database, caller, command.deal_id)
        await references.require(
            caller, *_list_references({name: value for name, value in named.items() if value != getattr(present, name)})
        )
    async with unit_of_work.begin(caller) as transaction:
        # The contact before the deal: those who move deals after a merge lock in this order too.
        canonical_id = await lock_canonical_one(transaction, caller.tenant_id, command.changes.get("contact_id"))
        deal = await repository.load_for_update(transaction, caller, command.deal_id)
        require_version(deal.version, command.expected_version)
        stages = await _load_transfer(transaction, deal, command)
        changes = resolve_contact_change(fit_amount(deal, command.changes), canonical_id, deal)
        changes = await merge_changes(transaction, caller.tenant_id, EntityType.DEAL, deal.custom_data, changes)
        now = clock.now()
        decision = apply_changes(deal, changes, stages, at=max(now, deal.stage_changed_at), now=now)
        if decision.events:
            await repository.save_unique(transaction, caller, decision.deal, before=deal)
            await repository.record_history(transaction, caller.tenant_id, caller.user_id, decision.events)
            await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
    return events.to_state(decision.deal)


async def _load_transfer(transaction: Transaction, deal: Deal, command: EditDeal) -> tuple[Stage, Stage] | None:
    """Return the stages that a change of pipeline leads from and to, if any. Raises InvalidStage, InvalidField."""
    pipeline_id = command.changes.get("pipeline_id", deal.pipeline_id)
    stage_id = command.changes.get("stage_id")
    if pipeline_id == deal.pipeline_id:
        if stage_id not in {None, deal.stage_id}:
            raise InvalidField.at("/stage_id", "is changed by POST /v1/deals/{id}/move within a pipeline")
        return None
    if stage_id is None:
        raise InvalidField.at("/stage_id", "names the stage of the new pipeline that the deal goes to")
    stages = await pipeline_repository.find_move(transaction, command.caller.tenant_id, deal.stage_id, stage_id)
    if stage_id not in stages or stages[stage_id].pipeline_id != pipeline_id:
        put_away = await pipeline_repository.find_put_away(transaction, command.caller.tenant_id, stage_id)
        if put_away is not None and put_away.pipeline_id == pipeline_id:
            raise InvalidStage.at("/stage_id", OF_PUT_AWAY)
        raise InvalidStage.at("/stage_id", "is not a stage of the pipeline")
    return stages[deal.stage_id], stages[stage_id]


async def move_deal(command: MoveDeal, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Move one deal. Raises DealNotFound, StaleVersion, InvalidStage, Forbidden; each leaves nothing behind."""
    caller = command.caller
    if command.changed_at is not None:
        caller.require(Permission.BACKDATE, "say when a move happened")
    async with unit_of_work.begin(caller) as transaction:
        deal = await repository.load_for_update(transaction, caller, command.deal_id)
        require_version(deal.version, command.expected_version)
        stages = await pipeline_repository.find_move(transaction, caller.tenant_id, deal.stage_id, command.stage_id)
        if command.stage_id not in stages:
            stages |= await _find_own_put_away(transaction, caller.tenant_id, deal, command.stage_id)
        now = clock.now()
        decision = domain.move(
            deal,
            stages[deal.stage_id],
            stages[command.stage_id],
            lost_reason=command.lost_reason,
            at=command.changed_at or now,
            now=now,
        )
        if decision.events:
            await repository.save(transaction, caller.tenant_id, decision.deal)
            await repository.record_history(transaction, caller.tenant_id, caller.user_id, decision.events)
            await publish(transaction, events.MAPPING.to_wire(decision.events, by=caller), audited=True)
    return events.to_state(decision.deal)


async def _find_own_put_away(
    transaction: Transaction, tenant_id: UUID, deal: Deal, stage_id: UUID
) -> dict[UUID, Stage]:
    """Return the stage that a deal is in though its pipeline was put away: to move there is to stay.

    Raises InvalidStage for any other.
    """
    stage = await pipeline_repository.find_put_away(transaction, tenant_id, stage_id)
    if stage is None or stage.pipeline_id != deal.pipeline_id:
        raise InvalidStage.at("/stage_id", "is not a stage of the deal's pipeline")
    if stage_id != deal.stage_id:
        raise InvalidStage.at("/stage_id", OF_PUT_AWAY)
    return {stage_id: stage}


def _list_references(named: Mapping[str, UUID | None]) -> list[Reference]:
    return [Reference(f"/{name}", REFERENCES[name], value) for name, value in named.items() if value is not None]


async def _load_first_stage(transaction: Transaction, command: CreateDeal, clock: Clock) -> Stage:
    """Find the stage that a new deal starts in. Raises UnknownReference, InvalidStage."""
    tenant_id = command.caller.tenant_id
    if command.pipeline_id is None and command.stage_id is None:
        stages = await pipelines.load_default_stages(transaction, tenant_id, clock)
    else:
        stages = await pipeline_repository.find_siblings(
            transaction, tenant_id, pipeline_id=command.pipeline_id, stage_id=command.stage_id
        )
    return choose_first(stages, command.pipeline_id, command.stage_id)
