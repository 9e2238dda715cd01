"""What requests about a pipeline's stages look like."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from crm_deals.pipelines.domain import MAX_STAGES, StageKind
from crm_deals.pipelines.schemas import RottingDays, StageRequest, WinProbability
from crm_deals.stages.commands import AddStage, EditStage, ReorderStages
from crm_shared.access import Caller
from crm_shared.contracts.states import Stage
from crm_shared.http.ids import CanonicalIds
from crm_shared.http.models import RequestBody, ShortText

Position = Annotated[int, Field(ge=0, strict=True, description="counts from 0; without it the stage comes last")]


class AddStageRequest(StageRequest):
    position: Position | None = None

    def to_command(self, pipeline_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> AddStage:
        return AddStage(caller, pipeline_id, expected_version, self.to_new(), self.position)


class EditStageRequest(RequestBody):
    """`kind` may change while the stage is empty. The order has a path of its own."""

    name: ShortText = Field(default="")
    win_probability: WinProbability = Field(default=0)
    kind: StageKind = StageKind.OPEN
    rotting_days: RottingDays | None = None

    def to_command(
        self, pipeline_id: UUID, stage_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> EditStage:
        return EditStage(caller, pipeline_id, expected_version, stage_id, self.given())


class StageOrderRequest(RequestBody):
    stage_ids: Annotated[list[UUID], Field(max_length=MAX_STAGES, description="each stage of the pipeline once")]

    def to_command(
        self, pipeline_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> ReorderStages:
        return ReorderStages(caller, pipeline_id, expected_version, self.stage_ids)


class StageOfPipeline(Stage):
    """A stage as its own paths answer it; `version` is the pipeline's, and so is the ETag."""

    pipeline_id: UUID
    version: int


class DeleteStageQuery(CanonicalIds):
    model_config = ConfigDict(extra="forbid", frozen=True)

    move_to: Annotated[UUID | None, Field(description="the stage that takes its deals")] = None
