"""What a report counts: which pipeline, whose deals, in which currency and by which clocks, for whose eyes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, LiteralString, Protocol
from uuid import UUID

from crm_reporting.replica.sources import ReportSource
from crm_reporting.reports.schemas import AsOfQuery, ReportQuery, WindowQuery
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.listing import list_branches
from crm_shared.local_days import day_of, end_of_day
from crm_shared.refusals import InvalidField, NotFound
from crm_shared.time_window import FIRST_DAY

RECENT_DAYS: Final = 30

FIND_PIPELINE = """
    SELECT p.id
      FROM pipelines p
     WHERE p.tenant_id = $1 AND (p.id = $2 OR $2 IS NULL AND p.is_default)
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """`pipeline_id`: the one asked for, else the default one. No `owner_ids` means everybody whom the caller sees.

    `as_of`: the past moment that is asked about, None for the present.
    """

    caller: Caller
    now: datetime
    pipeline_id: UUID
    owner_ids: Sequence[UUID]
    currency: str
    time_zone: str
    as_of: datetime | None = None

    @property
    def moment(self) -> datetime:
        """The moment that the figures are of."""
        return self.as_of or self.now

    @property
    def today(self) -> date:
        """The day of that moment in the report's time zone: open deals convert at its rates."""
        return day_of(self.moment, self.time_zone)

    def where(self, *parameters: object) -> Where:
        """Begin the parameters of a statement: $1 is the tenant, $2 the pipeline, then `parameters`."""
        return Where(self.caller.tenant_id, self.pipeline_id, *parameters)

    def list_branches(
        self,
        where: Where,
        owner_column: LiteralString,
        *,
        contact_id: LiteralString | None,
        filtered_column: LiteralString | None = None,
    ) -> list[str]:
        """Return the WHERE texts of what the caller sees by owner, then by share; no row is in two of them.

        `owner_column` decides who sees a row. The owners that were named are held against `filtered_column`, which is
        another where the owner of a past moment is asked about. One out of sight counts nothing but what is shared.
        """
        if self.owner_ids:
            where.add_sql((filtered_column or owner_column) + " = ANY (" + where.number(list(self.owner_ids)) + ")")
        return list_branches(where, self.caller, owner_column, contact_id=contact_id)


class Zoned(Protocol):
    """What has a time zone: a scope of any kind."""

    @property
    def time_zone(self) -> str: ...

    @property
    def today(self) -> date: ...


@dataclass(frozen=True, slots=True)
class Window:
    """Days of the report's time zone, both included, and the instants that they are: `begin` <= t < `end`."""

    first_day: date
    last_day: date
    begin: datetime
    end: datetime


def to_window(query: WindowQuery, scope: Zoned, *, default_first: date, default_last: date) -> Window:
    """Read the query's window. Raises InvalidField where it ends before it begins."""
    first, last = query.from_ or default_first, query.to or default_last
    if first > last:
        if query.to is not None and query.from_ is None:
            first = last
        elif query.to is None:
            last = first
        else:
            raise InvalidField.at("?from", "lies after `to`")
    return Window(
        first, last, end_of_day(first - timedelta(days=1), scope.time_zone), end_of_day(last, scope.time_zone)
    )


def to_recent_window(query: WindowQuery, scope: Zoned) -> Window:
    """Read the query's window: by default the 30 days that end with its last day, which by default is today."""
    last = query.to or scope.today
    first = max(FIRST_DAY, last - timedelta(days=RECENT_DAYS - 1))
    return to_window(query, scope, default_first=first, default_last=last)


async def load_pipeline_id(connection: Connection, caller: Caller, pipeline_id: UUID | None) -> UUID:
    """Return the pipeline's id if there is one, the default pipeline's for None. Raises NotFound."""
    found: UUID | None = await connection.fetchval(FIND_PIPELINE, caller.tenant_id, pipeline_id)
    if found is None:
        raise NotFound("There is no such pipeline.")
    return found


@asynccontextmanager
async def open_scope(
    source: ReportSource, caller: Caller, query: ReportQuery, *, now: datetime
) -> AsyncIterator[tuple[Connection, Scope]]:
    """Read under one moment's view, whatever is written meanwhile.

    Raises NotFound for an unknown pipeline, InvalidField for a moment that is yet to come.
    """
    as_of = query.as_of if isinstance(query, AsOfQuery) else None
    if as_of is not None and as_of > now:
        raise InvalidField.at("?as_of", "lies in the future")
    async with source.database.snapshot(caller.tenant_id, reads_many=True) as connection:
        pipeline_id = await load_pipeline_id(connection, caller, query.pipeline_id)
        yield (
            connection,
            Scope(
                caller,
                now,
                pipeline_id,
                query.owner_id,
                query.currency or caller.base_currency,
                query.time_zone or caller.time_zone,
                as_of,
            ),
        )
