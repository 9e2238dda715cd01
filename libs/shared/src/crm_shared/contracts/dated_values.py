"""What a snapshot tells of the past: each value that a record's present state no longer shows, with its day.

An entry holds the values that one version changed, and no others; the first one holds all. A field that is named with
null became null; one that is absent stayed as it was.
"""

from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict, Field

from crm_shared.contracts.states import Amount, Currency, Day, DealStatus, Instant, Stage, Value


class ChangedValues(Value):
    """The fields that are present changed; `model_fields_set` names them."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=False)

    aggregate: ClassVar[str]


class DealValues(ChangedValues):
    aggregate: ClassVar[str] = "deal"

    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    stage_changed_at: Instant | None = None
    status: DealStatus | None = None
    closed_at: Instant | None = None
    amount: Annotated[Amount | None, Field(description="decimal string; null counts as 0")] = None
    currency: Currency | None = None
    owner_id: UUID | None = None
    close_date: Day | None = None
    deleted_at: Instant | None = None


class PipelineValues(ChangedValues):
    aggregate: ClassVar[str] = "pipeline"

    stages: Annotated[tuple[Stage, ...], Field(description="in the pipeline's order")] = ()


class ValueEntry(Value):
    """One version that changed values. `changed_at` is business time, such as an imported move's own day."""

    version: Annotated[int, Field(ge=1)]
    changed_at: Instant
    values: ChangedValues


class DealValueEntry(ValueEntry):
    values: DealValues


class PipelineValueEntry(ValueEntry):
    values: PipelineValues


VALUE_ENTRIES: Final[dict[str, type[ValueEntry]]] = {"deal": DealValueEntry, "pipeline": PipelineValueEntry}
"""By aggregate: what its snapshot's `value_history` is a list of."""


def dated_fields(aggregate: str) -> tuple[str, ...]:
    """Return the names of the fields whose values a snapshot of this aggregate tells by date."""
    annotation: Any = VALUE_ENTRIES[aggregate].model_fields["values"].annotation
    return tuple(annotation.model_fields)
