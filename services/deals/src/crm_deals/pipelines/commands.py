"""Use cases of pipelines: one transaction each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_deals.pipelines import domain, events, repository
from crm_deals.pipelines.domain import NewStage, Pipeline, Stage
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import Actor
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import require_version


@dataclass(frozen=True, slots=True)
class EnsureDefaultPipeline:
    """Give a tenant its first pipeline, unless it has one. Safe to repeat and to race."""

    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    caller: Caller
    name: str
    stages: Sequence[NewStage]
    is_default: bool


@dataclass(frozen=True, slots=True)
class EditPipeline:
    """`changes`: name, is_default, archived, as far as the request named them."""

    caller: Caller
    pipeline_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None


async def ensure_default_pipeline(command: EnsureDefaultPipeline, unit_of_work: UnitOfWork, clock: Clock) -> None:
    async with unit_of_work.begin(command) as transaction:
        await load_default_stages(transaction, command.tenant_id, clock)


async def load_default_stages(transaction: Transaction, tenant_id: UUID, clock: Clock) -> list[Stage]:
    """Return the default pipeline's stages in order, making the pipeline first for a tenant that is new here.

    A tenant's first deal may come before `crm.tenant.created` has reached us.
    """
    stages = await repository.find_default_stages(transaction, tenant_id)
    if stages:
        return stages
    created = domain.create_default(tenant_id, now=clock.now())
    if not await repository.insert(transaction, tenant_id, created.pipeline):
        return await repository.find_default_stages(transaction, tenant_id)  # another was quicker, and has committed
    await publish(transaction, events.MAPPING.to_wire([created], by=Actor(tenant_id)), audited=True)
    return list(created.pipeline.stages)


async def create_pipeline(command: CreatePipeline, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create a pipeline with its stages, give its state. Raises InvalidField."""
    caller = command.caller
    now = clock.now()
    async with unit_of_work.begin(caller) as transaction:
        # The tenant's first pipeline is the default one, also for a tenant whose creation hasn't reached us yet.
        await load_default_stages(transaction, caller.tenant_id, clock)
        created = domain.create(new_id(), command.name, [(new_id(), stage) for stage in command.stages], now=now)
        await repository.insert(transaction, caller.tenant_id, created.pipeline)
        await publish(transaction, events.MAPPING.to_wire([created], by=caller), audited=True)
        if not command.is_default:
            return events.to_state(created.pipeline)
        pipeline = await _make_default(transaction, caller, created.pipeline.id, {"is_default": True}, None, clock)
    return events.to_state(pipeline)


async def edit_pipeline(command: EditPipeline, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Rename a pipeline, make it the default, put it away or bring it back.

    Raises PipelineNotFound, StaleVersion, PipelineInUse, DefaultPipeline, InvalidField.
    """
    caller, changes, expected = command.caller, command.changes, command.expected_version
    async with unit_of_work.begin(caller) as transaction:
        if changes.get("is_default"):
            pipeline = await _make_default(transaction, caller, command.pipeline_id, changes, expected, clock)
            return events.to_state(pipeline)
        pipeline = await repository.load_for_update(transaction, caller.tenant_id, command.pipeline_id)
        require_version(pipeline.version, expected)
        return events.to_state(await _edit(transaction, caller, pipeline, changes, clock))


async def _make_default(
    transaction: Transaction,
    caller: Caller,
    pipeline_id: UUID,
    changes: Mapping[str, Any],
    expected_version: tuple[int, ...] | None,
    clock: Clock,
) -> Pipeline:
    pipeline, present = await repository.load_with_default(transaction, caller.tenant_id, pipeline_id)
    require_version(pipeline.version, expected_version)
    if present is not None:
        stepped_down = domain.step_down(present, now=clock.now())
        await repository.save(transaction, caller.tenant_id, stepped_down.pipeline)
        await publish(transaction, events.MAPPING.to_wire([stepped_down], by=caller), audited=True)
    return await _edit(transaction, caller, pipeline, changes, clock)


async def _edit(
    transaction: Transaction, caller: Caller, pipeline: Pipeline, changes: Mapping[str, Any], clock: Clock
) -> Pipeline:
    open_deals = 0
    if changes.get("archived") and not pipeline.archived:
        await repository.lock_stages(transaction, caller.tenant_id, [stage.id for stage in pipeline.stages])
        open_deals = await repository.count_open_deals(transaction, caller.tenant_id, pipeline.id)
    event = domain.edit(pipeline, changes, open_deals=open_deals, now=clock.now())
    if event is None:
        return pipeline
    await repository.save(transaction, caller.tenant_id, event.pipeline)
    await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
    return event.pipeline
