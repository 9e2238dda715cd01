"""Which stage a deal goes to, chosen in memory from all of a tenant's stages, held as they are."""

from collections.abc import Sequence
from uuid import UUID

from crm_deals.deals.domain import OF_PUT_AWAY, Deal, InvalidStage
from crm_deals.pipelines import repository as pipelines
from crm_deals.pipelines.commands import load_default_stages
from crm_deals.pipelines.domain import Stage, StageKind
from crm_deals.pipelines.repository import HeldStage
from crm_shared.clock import Clock
from crm_shared.database import Transaction
from crm_shared.refusals import UnknownReference


async def load_stage_choice(transaction: Transaction, tenant_id: UUID, clock: Clock) -> "StageChoice":
    """Read and hold all stages, after the default pipeline was made for a tenant that is new here."""
    await load_default_stages(transaction, tenant_id, clock)
    return StageChoice(await pipelines.hold_all_stages(transaction, tenant_id))


class StageChoice:
    """`held` is in the order of each pipeline."""

    def __init__(self, held: Sequence[HeldStage]) -> None:
        self._stages = {each.stage.id: each.stage for each in held}
        self._usable = [each.stage for each in held if not each.archived]
        self._default = [each.stage for each in held if each.is_default]

    def choose_first(self, pipeline_id: UUID | None, stage_id: UUID | None) -> Stage:
        """Return the stage that a new deal starts in. Raises UnknownReference, InvalidStage."""
        stages = self._default if pipeline_id is None and stage_id is None else self._usable
        return choose_first(stages, pipeline_id, stage_id)

    def choose_move(self, deal: Deal, pipeline_id: UUID | None, stage_id: UUID | None) -> tuple[Stage, Stage] | None:
        """Return the stages (from, to) of a change that names `stage_id`, None without one. Raises InvalidStage."""
        if stage_id is None:
            if pipeline_id not in {None, deal.pipeline_id}:
                raise InvalidStage.at("/stage_id", "names the stage of the new pipeline that the deal goes to")
            return None
        here = self._stages[deal.stage_id]
        wanted = self._stages.get(stage_id, here)
        if stage_id == deal.stage_id and pipeline_id in {None, deal.pipeline_id}:
            return here, here
        if wanted not in self._usable and wanted.pipeline_id == (pipeline_id or deal.pipeline_id):
            raise InvalidStage.at("/stage_id", OF_PUT_AWAY)
        return here, _require(self._usable, stage_id, pipeline_id or deal.pipeline_id)


def choose_first(stages: Sequence[Stage], pipeline_id: UUID | None, stage_id: UUID | None) -> Stage:
    """Return the stage that a new deal starts in: the one named, or the first OPEN one of its pipeline.

    `stages`, in the order of their pipelines, hold the pipeline that is meant, if there is one: the named one, the
    named stage's, or the default. Raises UnknownReference, InvalidStage.
    """
    if pipeline_id is not None and all(stage.pipeline_id != pipeline_id for stage in stages):
        raise UnknownReference.at("/pipeline_id", "there is no such pipeline")
    if stage_id is not None:
        return _require(stages, stage_id, pipeline_id)
    return next(stage for stage in stages if stage.kind is StageKind.OPEN and pipeline_id in {None, stage.pipeline_id})


def _require(stages: Sequence[Stage], stage_id: UUID, pipeline_id: UUID | None) -> Stage:
    for stage in stages:
        if stage.id == stage_id and pipeline_id in {None, stage.pipeline_id}:
            return stage
    raise InvalidStage.at("/stage_id", "is not a stage of the pipeline")
