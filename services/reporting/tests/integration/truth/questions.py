"""Questions to reports: each asked of the service and of the facts, and both answers compared, figure by figure."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import duckdb
import httpx
from services.reporting.tests.integration.truth.business import DIGITS, FIRST, LAST, ZONES, Business

from crm_shared.access import Role
from crm_testing.answers import require_ok
from crm_testing.people import Person

CURRENCIES: Final = ("EUR", "JPY")
HALF_OF_PRINTED: Final = 0.5e-4 + 1e-9
HALF_OF_PRINTED_S: Final = 0.5e-3 + 1e-9
"""Rates and days are printed to four places, seconds to three."""


@dataclass(frozen=True)
class Question:
    viewer: Person
    pipeline_id: UUID | None
    zone: str
    currency: str
    first: date
    last: date
    since: datetime
    moment: datetime
    owners: Sequence[UUID] = ()
    group_by: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return what every report is asked with."""
        return {
            **({} if self.pipeline_id is None else {"pipeline_id": str(self.pipeline_id)}),
            "time_zone": self.zone,
            "currency": self.currency,
            "owner_id": [str(owner_id) for owner_id in self.owners],
        }

    @property
    def window(self) -> dict[str, Any]:
        return self.parameters | {"from": self.first.isoformat(), "to": self.last.isoformat()}

    @property
    def months(self) -> dict[str, Any]:
        return self.parameters | {"from": f"{self.first:%Y-%m}", "to": f"{self.last:%Y-%m}"}

    @property
    def span(self) -> dict[str, Any]:
        return self.parameters | {"from": self.since.isoformat(), "to": self.moment.isoformat()}


def end_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def list_questions(business: Business, chance: random.Random) -> Iterator[Question]:
    """Ask for each viewer, zone and currency: for other days and moments each time, now and then for some owners."""
    people = [person.id for person in business.people]
    days = [FIRST.date() + timedelta(days=day) for day in range(-3, (LAST - FIRST).days + 4)]
    for viewer in business.viewers:
        for zone in ZONES:
            for currency in CURRENCIES:
                first, last = sorted(chance.sample(days, 2))
                since, moment = sorted(_pick_moment(business, chance) for _ in range(2))
                yield Question(
                    viewer,
                    business.pipelines[chance.random() < 0.2][0].id,
                    zone,
                    currency,
                    first,
                    last,
                    since,
                    moment,
                    chance.sample(people, 3) if chance.random() < 0.3 else (),
                )


def _pick_moment(business: Business, chance: random.Random) -> datetime:
    """Return any moment, or just that at which something happened."""
    happened = chance.choice(chance.choice(business.stories).value_history)["changed_at"]
    moment: datetime = chance.choice((FIRST + (LAST - FIRST) * chance.random(), happened))
    return moment


@dataclass
class Facts:
    """What was told, and whoever asks the service."""

    database: duckdb.DuckDBPyConnection
    clients: Mapping[UUID, httpx.AsyncClient]

    async def ask(self, question: Question, report: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return require_ok(await self.clients[question.viewer.id].get(f"/v1/reports/{report}", params=dict(parameters)))

    def pose(self, question: Question, **changes: Any) -> None:
        """Say what is asked. A variable has a type even where it holds nothing."""
        asked = replace(question, **changes)
        variables = {
            "viewer_id": (str(asked.viewer.id), "VARCHAR"),
            "sees_all": (asked.viewer.role is Role.ADMIN, "BOOLEAN"),
            "owners": ([str(owner_id) for owner_id in asked.owners], "VARCHAR[]"),
            "pipeline_id": (None if asked.pipeline_id is None else str(asked.pipeline_id), "VARCHAR"),
            "zone": (asked.zone, "VARCHAR"),
            "currency": (asked.currency, "VARCHAR"),
            "digits": (DIGITS[asked.currency], "INTEGER"),
            "first_day": (asked.first, "DATE"),
            "last_day": (asked.last, "DATE"),
            "since": (asked.since, "TIMESTAMPTZ"),
            "moment": (asked.moment, "TIMESTAMPTZ"),
            "group_by": (asked.group_by, "VARCHAR"),
        }
        for name, (value, kind) in variables.items():
            self.database.execute(f"SET VARIABLE {name} = CAST(? AS {kind})", [value])

    def recount(self, query: str) -> list[dict[str, Any]]:
        found = self.database.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def list_codes(self, query: str) -> list[str]:
        return [row["code"] for row in self.recount(query)]


def require_equal(
    items: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    question: Question,
    *,
    left_out: Collection[str] = (),
) -> None:
    """Fail unless the service's items are these rows, in this order; floats as they are printed."""
    assert len(items) == len(rows), (question, items, rows)
    for item, row in zip(items, rows, strict=True):
        for name, value in row.items():
            is_same = name in left_out or _is_same(name, item.get(name), value, question.currency)
            assert is_same, (name, item, row, question)


def _is_same(name: str, printed: Any, counted: Any, currency: str) -> bool:
    if isinstance(counted, float) and isinstance(printed, str):  # money that took a division of doubles
        half = 0.5 * 10.0 ** -DIGITS[currency]
        return abs(float(printed) - counted) <= half + 1e-9 * abs(counted)
    if isinstance(counted, float) and isinstance(printed, float | int):
        return abs(float(printed) - counted) <= (HALF_OF_PRINTED_S if name.endswith("_s") else HALF_OF_PRINTED)
    return bool(printed == counted)
