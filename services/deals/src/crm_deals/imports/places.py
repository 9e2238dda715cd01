"""Pipelines and stages, as files name them. Pure, but for the one look at what there is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_deals.pipelines.domain import StageKind
from crm_shared.database import Connection
from crm_shared.features.imports.references import NameKey
from crm_shared.features.imports.values import find_id
from crm_shared.refusals import InvalidField

LIST_PLACES: Final = """
    SELECT p.id AS pipeline_id, p.name AS pipeline, p.is_default, s.id AS stage_id, s.name AS stage, s.kind
      FROM pipelines p
      JOIN stages s ON s.tenant_id = p.tenant_id AND s.pipeline_id = p.id
     WHERE p.tenant_id = $1 AND NOT p.archived
     ORDER BY p.is_default DESC, p.id, s.position
"""
MANY_PIPELINES: Final = "more than one pipeline is called so; name its id"
NO_PIPELINE: Final = "there is no such pipeline"
MANY_STAGES: Final = "more than one stage is called so; name its pipeline"
NO_STAGE: Final = "there is no such stage"


@dataclass(frozen=True, slots=True)
class Place:
    """A stage that a deal may be in."""

    pipeline_id: UUID
    pipeline: str
    is_default: bool
    stage_id: UUID
    stage: str
    kind: StageKind


class Places:
    """A tenant's stages in use: the default pipeline's first, each pipeline's in their order."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.all = places

    def list_pipelines(self) -> frozenset[UUID]:
        return frozenset(place.pipeline_id for place in self.all)

    def list_stages(self) -> frozenset[UUID]:
        return frozenset(place.stage_id for place in self.all)

    def find_pipeline_of(self, stage_id: UUID) -> UUID | None:
        return next((place.pipeline_id for place in self.all if place.stage_id == stage_id), None)

    def find_kind(self, stage_id: UUID) -> StageKind | None:
        return next((place.kind for place in self.all if place.stage_id == stage_id), None)

    def require_first(self, pipeline_id: UUID | None, kind: StageKind) -> UUID:
        """Return the first stage of a kind in a pipeline, in the default one for None. Raises InvalidField."""
        for place in self.all:
            if self._is_in(place, pipeline_id) and place.kind is kind:
                return place.stage_id
        raise InvalidField.at("/status", f"the pipeline has no stage that is {kind}")

    def find_within(self, pipeline_id: UUID | None, name: str) -> UUID | None:
        """Return the stage of a pipeline that alone is called so."""
        called = [place.stage_id for place in self.all if place.stage.casefold() == name.casefold()]
        within = [stage_id for stage_id in called if self.find_pipeline_of(stage_id) == pipeline_id]
        return within[0] if len(within) == 1 else None

    def find_pipelines(self, keys: Iterable[NameKey]) -> dict[NameKey, UUID | str | None]:
        return {key: _choose(self._find_pipeline(str(key[0])), NO_PIPELINE, MANY_PIPELINES) for key in keys}

    def find_stages(self, keys: Iterable[NameKey]) -> dict[NameKey, UUID | str | None]:
        """Return the stage of each (name, pipeline's id, pipeline's name): without a pipeline, the default one's."""
        return {key: self._find_stage(*map(str, key)) for key in keys}

    def _find_stage(self, name: str, pipeline_id: str, pipeline: str) -> UUID | str:
        called = [place for place in self.all if place.stage.casefold() == name.casefold()]
        stated = find_id(pipeline_id) if pipeline_id else None
        if stated is None and not pipeline:
            of_default = [place for place in called if place.is_default]
            return _choose({place.stage_id for place in of_default or called}, NO_STAGE, MANY_STAGES)
        pipelines = {stated} if stated is not None else self._find_pipeline(pipeline)
        return _choose({place.stage_id for place in called if place.pipeline_id in pipelines}, NO_STAGE, MANY_STAGES)

    def _find_pipeline(self, name: str) -> set[UUID]:
        return {place.pipeline_id for place in self.all if place.pipeline.casefold() == name.casefold()}

    def _is_in(self, place: Place, pipeline_id: UUID | None) -> bool:
        return place.is_default if pipeline_id is None else place.pipeline_id == pipeline_id


async def load_places(connection: Connection, tenant_id: UUID) -> Places:
    rows = await connection.fetch(LIST_PLACES, tenant_id)
    return Places([Place(**{**row, "kind": StageKind(row["kind"])}) for row in rows])


def _choose(found: Collection[UUID], none: str, many: str) -> UUID | str:
    return none if not found else many if len(found) > 1 else next(iter(found))
