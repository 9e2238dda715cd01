"""Use cases of a pipeline's stages: insert, edit, reorder, delete. Each is one change of the pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_deals.deals import stage_usage
from crm_deals.pipelines import domain, events, repository
from crm_deals.pipelines.domain import NewStage, Pipeline, PipelineEdited, Stage, StageInUse
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import InvalidField, require_version


@dataclass(frozen=True, slots=True)
class StageCommand:
    """`expected_version` is the pipeline's."""

    caller: Caller
    pipeline_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class AddStage(StageCommand):
    new: NewStage
    position: int | None


@dataclass(frozen=True, slots=True)
class EditStage(StageCommand):
    stage_id: UUID
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReorderStages(StageCommand):
    stage_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class DeleteStage(StageCommand):
    """`move_to`: the stage of the same pipeline that takes the deals of the one deleted."""

    stage_id: UUID
    move_to: UUID | None


async def add_stage(command: AddStage, unit_of_work: UnitOfWork, clock: Clock) -> tuple[dict[str, Any], dict[str, Any]]:
    """Insert a stage; give the states of pipeline and stage. Raises PipelineNotFound, StaleVersion, InvalidField."""
    async with unit_of_work.begin(command.caller) as transaction:
        pipeline = await _load(transaction, command)
        stage_id = new_id()
        event = domain.add_stage(pipeline, stage_id, command.new, position=command.position, now=clock.now())
        await _conclude(transaction, command.caller, event)
    return events.to_state(event.pipeline), events.stage_to_state(event.pipeline.find_stage(stage_id))


async def edit_stage(
    command: EditStage, unit_of_work: UnitOfWork, clock: Clock
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change fields of a stage; give the pipeline's state and the stage's.

    Raises PipelineNotFound, StageNotFound, StaleVersion, StageInUse, LastOpenStage, InvalidField.
    """
    caller, changes = command.caller, command.changes
    async with unit_of_work.begin(caller) as transaction:
        pipeline = await _load(transaction, command)
        stage = pipeline.find_stage(command.stage_id)
        now = clock.now()
        changes_kind = changes.get("kind", stage.kind) is not stage.kind
        holds_deals = False
        if changes_kind:
            await repository.lock_stages(transaction, caller.tenant_id, [stage.id])
            holds_deals = await stage_usage.holds_deals(transaction, caller.tenant_id, stage)
        event = domain.edit_stage(pipeline, stage.id, changes, holds_deals=holds_deals, now=now)
        if event is None:
            return events.to_state(pipeline), events.stage_to_state(stage)
        if changes_kind:
            await _clear_of_deleted(transaction, caller, pipeline, stage, now=now)
        await _conclude(transaction, caller, event)
    return events.to_state(event.pipeline), events.stage_to_state(event.pipeline.find_stage(stage.id))


async def reorder_stages(command: ReorderStages, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Put the stages in this order, give the pipeline's state. Raises PipelineNotFound, StaleVersion, InvalidField."""
    async with unit_of_work.begin(command.caller) as transaction:
        pipeline = await _load(transaction, command)
        event = domain.reorder(pipeline, command.stage_ids, now=clock.now())
        if event is None:
            return events.to_state(pipeline)
        await _conclude(transaction, command.caller, event)
    return events.to_state(event.pipeline)


async def delete_stage(command: DeleteStage, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Move the stage's deals to `move_to`, then delete it; all of it or nothing. Give the pipeline's state.

    Deleted deals come along, since one that is restored later must stand somewhere. What they are they stay where that
    is possible: a won deal goes to another WON stage, if `move_to` is none.

    Raises PipelineNotFound, StageNotFound, StaleVersion, StageInUse, LastOpenStage, InvalidField.
    """
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        pipeline = await _load(transaction, command)
        stage = pipeline.find_stage(command.stage_id)
        now = clock.now()
        event = domain.remove_stage(pipeline, stage.id, now=now)
        target = _find_target(pipeline, stage, command.move_to)
        sibling = pipeline.find_sibling(stage)
        await repository.lock_stages(transaction, caller.tenant_id, [stage.id])
        if target is None and await stage_usage.holds_deals(transaction, caller.tenant_id, stage):
            raise StageInUse("Name the stage that takes its deals: ?move_to=<id of a stage of this pipeline>.")
        if (target or sibling) is None and await stage_usage.holds_deleted_deals(
            transaction, caller.tenant_id, stage, now=now
        ):
            raise StageInUse(
                "Deleted deals are in it that may be restored, and no other stage would leave them closed as they are."
                " Name the stage that takes them: ?move_to=<id of a stage of this pipeline>."
            )
        present_to = target or sibling or event.pipeline.first_stage
        deleted_to = present_to if present_to.kind is stage.kind else sibling or present_to
        await stage_usage.move_all(transaction, caller, stage, present_to=present_to, deleted_to=deleted_to, now=now)
        await _conclude(transaction, caller, event)
    return events.to_state(event.pipeline)


async def _clear_of_deleted(
    transaction: Transaction, caller: Caller, pipeline: Pipeline, stage: Stage, *, now: datetime
) -> None:
    """Move deleted deals of a stage that is about to mean something else to one that means what it did.

    Raises StageInUse where there is none and one of them may be restored.
    """
    sibling = pipeline.find_sibling(stage)
    if sibling is not None:
        await stage_usage.move_all(transaction, caller, stage, present_to=sibling, deleted_to=sibling, now=now)
    elif await stage_usage.holds_deleted_deals(transaction, caller.tenant_id, stage, now=now):
        raise StageInUse(
            "Deleted deals are in it that may be restored, and no other stage would leave them as they are."
            f" Add another {stage.kind} stage first."
        )


def _find_target(pipeline: Pipeline, stage: Stage, move_to: UUID | None) -> Stage | None:
    if move_to is None:
        return None
    for other in pipeline.stages:
        if other.id == move_to and other.id != stage.id:
            return other
    raise InvalidField.at("?move_to", "is no other stage of this pipeline")


async def _load(transaction: Transaction, command: StageCommand) -> Pipeline:
    pipeline = await repository.load_for_update(transaction, command.caller.tenant_id, command.pipeline_id)
    require_version(pipeline.version, command.expected_version)
    return pipeline


async def _conclude(transaction: Transaction, caller: Caller, event: PipelineEdited) -> None:
    await repository.save(transaction, caller.tenant_id, event.pipeline)
    await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=True)
