"""Where a move is to be seen, each asked as any client would."""

from datetime import datetime
from typing import Any, Protocol

from crm_canary.deal import NAME, Deal, Move
from crm_canary.suite_api import SuiteApi


class Hop(Protocol):
    @property
    def name(self) -> str: ...

    async def is_ready(self, deal: Deal) -> bool:
        """Return whether it does not show already, of an earlier move, what the next one is to be told by."""
        ...

    async def shows(self, move: Move) -> bool:
        """Return whether the move is seen. Raises Away, Refused."""
        ...


class Timeline:
    """The deal's timeline: a note of this very move, by its time."""

    name = "timeline"

    def __init__(self, api: SuiteApi) -> None:
        self._api = api

    async def is_ready(self, deal: Deal) -> bool:
        del deal
        return True

    async def shows(self, move: Move) -> bool:
        page = await self._api.get("activities", f"/v1/timelines/deals/{move.deal_id}", limit="1")
        return any(_is_of(note, move) for note in page["items"])


def _is_of(note: dict[str, Any], move: Move) -> bool:
    stage = (note.get("facts") or {}).get("to_stage") or {}
    moved_at = datetime.fromisoformat(move.changed_at)
    return stage.get("id") == move.to_stage_id and datetime.fromisoformat(note["occurred_at"]) >= moved_at


class Search:
    """What is found by the deal's name: the version of the record that it shows."""

    name = "search"

    def __init__(self, api: SuiteApi) -> None:
        self._api = api

    async def is_ready(self, deal: Deal) -> bool:
        del deal
        return True

    async def shows(self, move: Move) -> bool:
        page = await self._api.get("search", "/v1/search", q=NAME, type="deal", stage_id=move.to_stage_id)
        return any(hit["id"] == move.deal_id and hit["record"]["version"] >= move.version for hit in page["items"])


class Report:
    """The pipeline report: the tenant's one deal counts in the stage that it went to, and not where it was.

    A report names no versions. One that stands still would show every other move by chance: so a move counts only
    where the report did not show it before.
    """

    name = "report"

    def __init__(self, api: SuiteApi) -> None:
        self._api = api

    async def is_ready(self, deal: Deal) -> bool:
        return not await self._counts(deal.stage_id, deal.target_id)

    async def shows(self, move: Move) -> bool:
        return await self._counts(move.from_stage_id, move.to_stage_id)

    async def _counts(self, from_stage_id: str, to_stage_id: str) -> bool:
        report = await self._api.get("reporting", "/v1/reports/pipeline")
        counts = {row["stage_id"]: row["deal_count"] for row in report["items"]}
        return bool(counts.get(to_stage_id)) and not counts.get(from_stage_id)
