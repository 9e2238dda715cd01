"""The one deal that is moved to and fro, and the tenant kept small around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from crm_canary.suite_api import Away, Json, Refused, SuiteApi

EXTERNAL_ID: Final = "crm-canary"
NAME: Final = "Canary crm-canary"
MOVES_A_DEAL: Final = 1000
"""Then it is deleted and another made: a deal's timeline, its history and the snapshots that hold it stay short."""

LEAST_STAGES: Final = 2


@dataclass(frozen=True, slots=True)
class Deal:
    """The deal as it stands, and the stage that it goes to next."""

    id: str
    version: int
    stage_id: str
    target_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """A move that was answered. `changed_at` is the suite's time of it."""

    deal_id: str
    version: int
    from_stage_id: str
    to_stage_id: str
    changed_at: str


class CanaryDeal:
    """Finds the deal, makes it where there is none, and moves it. From move to move its id alone is remembered."""

    def __init__(self, api: SuiteApi, *, moves_a_deal: int = MOVES_A_DEAL) -> None:
        self._api = api
        self._moves_a_deal = moves_a_deal
        self._stage_ids: list[str] = []
        self._deal_id: str | None = None

    async def prepare(self) -> Deal:
        """Return the deal, whoever changed, closed or deleted it. Raises Away, Refused."""
        if not self._stage_ids:
            self._stage_ids = await self._read_stages()
        state = await self._find()
        if state is not None and state["version"] > self._moves_a_deal:
            await self._api.delete("deals", f"/v1/deals/{state['id']}")
            state = None
        if state is None:
            state = await self._make()
        self._deal_id = state["id"]
        first, second = self._stage_ids
        target_id = second if state["stage_id"] == first else first
        return Deal(state["id"], state["version"], state["stage_id"], target_id)

    async def move(self, deal: Deal) -> Move:
        """Move it. Raises Away, Refused; then nothing of it is taken for known any more."""
        try:
            state = await self._api.post("deals", f"/v1/deals/{deal.id}/move", {"stage_id": deal.target_id})
        except Refused:
            self.forget()
            raise
        return Move(deal.id, state["version"], deal.stage_id, deal.target_id, state["stage_changed_at"])

    def forget(self) -> None:
        """Look again for deal and stages at the next move."""
        self._deal_id = None
        self._stage_ids = []

    async def _read_stages(self) -> list[str]:
        """Return the two first open stages of the default pipeline, which a new tenant has within moments."""
        pipelines = (await self._api.get("deals", "/v1/pipelines"))["items"]
        stages: list[Json] = next((one["stages"] for one in pipelines if one["is_default"]), [])
        stage_ids = [stage["id"] for stage in stages if stage["kind"] == "OPEN"][:LEAST_STAGES]
        if len(stage_ids) < LEAST_STAGES:
            raise Away("the tenant has no default pipeline with two open stages")
        return stage_ids

    async def _find(self) -> Mapping[str, Any] | None:
        if self._deal_id is not None:
            try:
                found: Json = await self._api.get("deals", f"/v1/deals/{self._deal_id}")
            except Refused as refused:
                if refused.status != HTTPStatus.NOT_FOUND:
                    raise
            else:
                return dict(found)
        page = await self._api.get("deals", "/v1/deals", external_id=EXTERNAL_ID)
        return next(iter(page["items"]), None)

    async def _make(self) -> Mapping[str, Any]:
        body = {"name": NAME, "amount": "1.00", "external_id": EXTERNAL_ID, "stage_id": self._stage_ids[0]}
        made: Json = await self._api.post("deals", "/v1/deals", body)
        return dict(made)
