"""What requests about pipelines look like. Answers are the contract's own states."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from crm_deals.pipelines.commands import CreatePipeline, EditPipeline
from crm_deals.pipelines.domain import MAX_STAGES, NewStage, StageKind
from crm_shared.access import Caller
from crm_shared.contracts.states import PipelineState
from crm_shared.http.models import PageQuery, RequestBody, ShortText

MAX_ROTTING_DAYS = 36_500

WinProbability = Annotated[int, Field(ge=0, le=100, strict=True, description="whole percent")]
RottingDays = Annotated[int, Field(ge=1, le=MAX_ROTTING_DAYS, strict=True)]


class StageRequest(RequestBody):
    """Without `kind`, Closed Won is WON, Closed Lost is LOST, and any other name OPEN."""

    name: ShortText
    win_probability: WinProbability | None = Field(
        default=None, description="without it 100 in a WON stage, 0 in a LOST one, 50 in an OPEN one"
    )
    kind: StageKind | None = None
    rotting_days: RottingDays | None = None

    def to_new(self) -> NewStage:
        return NewStage(self.name, self.win_probability, self.kind, self.rotting_days)


class CreatePipelineRequest(RequestBody):
    name: ShortText
    stages: Annotated[list[StageRequest], Field(min_length=1, max_length=MAX_STAGES)]
    is_default: StrictBool = False

    def to_command(self, caller: Caller) -> CreatePipeline:
        return CreatePipeline(caller, self.name, [stage.to_new() for stage in self.stages], self.is_default)


class EditPipelineRequest(RequestBody):
    """Stages are changed one by one, by their own paths."""

    name: ShortText = Field(default="")
    is_default: StrictBool = False
    archived: StrictBool = Field(default=False, description="no new deals; refused while it holds open ones")

    def to_command(
        self, pipeline_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> EditPipeline:
        return EditPipeline(caller, pipeline_id, self.given(), expected_version)


class PipelineList(PageQuery):
    sort: Annotated[str | None, Field(max_length=100)] = None
    archived: Annotated[bool, Field(description="true lists what was put away instead")] = False


class PipelinePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[PipelineState]
    next_cursor: str | None
