"""Series as tests tell them: logged over HTTP, made by the worker's round, read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from crm_activities.series.making import make_due
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import FixedClock
from crm_testing.answers import require_ok, walk_pages
from crm_testing.service_kit import ServiceKit

PATH = "/v1/activities"
BERLIN = "Europe/Berlin"


HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""In which the tests began: however long they run, in 90 days from now it has come and no day more."""


def in_days(days: float, *, hours: int = 0) -> str:
    """Return the moment so many days and hours after HOUR, as the API writes it."""
    return (HOUR + timedelta(days=days, hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class SeriesStory:
    """A series' story: the service, who calls, and the worker's clock, which stands where it is put."""

    kit: ServiceKit[ActivitiesSettings]
    client: httpx.AsyncClient
    clock: FixedClock

    @classmethod
    def of(cls, kit: ServiceKit[ActivitiesSettings], client: httpx.AsyncClient) -> "SeriesStory":
        return cls(kit, client, FixedClock(datetime.now(UTC) + timedelta(minutes=1)))

    async def log(self, rrule: str, *, zone: str = "UTC", **fields: Any) -> dict[str, Any]:
        body = {"type": "TASK", "recurrence": {"rrule": rrule, "time_zone": zone}, **fields}
        if not {"scheduled_at", "scheduled_on"} & fields.keys():
            body["scheduled_at"] = in_days(1)
        return require_ok(await self.client.post(PATH, json=body), 201)

    async def make(self, *, days_later: float = 0) -> None:
        """Have the worker make all that is due, now or so many days later."""
        self.clock.at += timedelta(days=days_later)
        while await make_due(self.kit.database, self.clock):
            pass

    async def begin(self, rrule: str, **fields: Any) -> list[dict[str, Any]]:
        first = await self.log(rrule, **fields)
        await self.make()
        return await self.read(first["series_id"])

    async def read(self, series_id: str) -> list[dict[str, Any]]:
        """Return the living instances in the order of the rule."""
        found = await walk_pages(self.client, PATH, series_id=series_id, limit=200)
        return sorted(found, key=lambda instance: instance["recurrence_id"])

    async def edit(self, instance: Mapping[str, Any], scope: str, **changes: Any) -> dict[str, Any]:
        answer = await self.client.patch(f"{PATH}/{instance['id']}", params={"scope": scope}, json=changes)
        return require_ok(answer)

    async def delete(self, instance: Mapping[str, Any], scope: str = "this") -> None:
        answer = await self.client.delete(f"{PATH}/{instance['id']}", params={"scope": scope})
        assert answer.status_code == 204, answer.text

    async def act(self, instance: Mapping[str, Any], action: str) -> dict[str, Any]:
        return require_ok(await self.client.post(f"{PATH}/{instance['id']}/{action}"))

    async def load_series(self, series_id: str) -> Mapping[str, Any]:
        async with self.kit.database.read_as_worker() as connection:
            row = await connection.fetchrow("SELECT * FROM activity_series WHERE id = $1", UUID(series_id))
        assert row is not None
        return dict(row)


def starts_of(instances: list[dict[str, Any]]) -> list[str]:
    return [instance["scheduled_at"] or instance["scheduled_on"] for instance in instances]
