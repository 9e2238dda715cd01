"""Puts the conversion report together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_reporting.reports.conversion import figures, queries
from crm_reporting.reports.conversion.figures import Pair
from crm_reporting.reports.conversion.schemas import ConversionQuery
from crm_reporting.reports.scope import Scope, to_recent_window
from crm_reporting.reports.stages import list_stages
from crm_shared.database import Connection
from crm_shared.refusals import InvalidField


class InvalidStage(InvalidField):
    slug, title = "invalid-stage", "The stage is not one of the pipeline"


@dataclass(frozen=True, slots=True)
class CompiledConversion:
    """`rows` are the answer's rows as a table: with the stages' names, which people read."""

    report: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


async def compile_report(connection: Connection, scope: Scope, query: ConversionQuery) -> CompiledConversion:
    """Return the conversion report (semantics.md) of what the caller sees: of one pair of stages, or of all.

    One statement counts all pairs, however many stages there are. Raises InvalidStage, InvalidField.
    """
    window = to_recent_window(query, scope)
    stages = await list_stages(connection, scope)
    names = {stage.id: stage.name for stage in stages}
    pair = _read_pair(query, names.keys())
    present = [stage.id for stage in stages if not stage.is_removed]
    from_stages, to_stages = (present, present) if pair is None else ([pair[0]], [pair[1]])
    reached = await queries.count_reached(connection, scope, window, from_stages=from_stages, to_stages=to_stages)
    items = figures.to_rows(figures.list_neighbours(present) if pair is None else [pair], reached)
    if pair is None:
        answer = {"items": items, "matrix": figures.to_rows(figures.list_ordered_pairs(present), reached)}
    else:
        [answer] = items
    return CompiledConversion(
        {"pipeline_id": scope.pipeline_id, "as_of": scope.now, **answer},
        [_add_names(item, names) for item in items],
    )


def _read_pair(query: ConversionQuery, stage_ids: Collection[UUID]) -> Pair | None:
    """Return the two stages that are named, None where neither is. One that has left the pipeline has a past too."""
    if query.from_stage is None and query.to_stage is None:
        return None
    if query.from_stage is None:
        raise InvalidField.at("?from_stage", "is missing: name both stages or neither")
    if query.to_stage is None:
        raise InvalidField.at("?to_stage", "is missing: name both stages or neither")
    if query.from_stage not in stage_ids:
        raise InvalidStage.at("?from_stage", "is not a stage of the pipeline")
    if query.to_stage not in stage_ids:
        raise InvalidStage.at("?to_stage", "is not a stage of the pipeline")
    if query.from_stage == query.to_stage:
        raise InvalidField.at("?to_stage", "is the stage that the deals come from")
    return query.from_stage, query.to_stage


def _add_names(row: Mapping[str, Any], names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        **row,
        "from_stage_name": names[row["from_stage_id"]],
        "to_stage_name": names[row["to_stage_id"]],
    }
