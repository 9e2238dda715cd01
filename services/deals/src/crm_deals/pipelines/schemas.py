"""What requests about pipelines look like. Answers are the contract's own states."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from crm_shared.contracts.states import PipelineState
from crm_shared.http.models import PageQuery


class PipelineList(PageQuery):
    sort: Annotated[str | None, Field(max_length=100)] = None


class PipelinePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[PipelineState]
    next_cursor: str | None
