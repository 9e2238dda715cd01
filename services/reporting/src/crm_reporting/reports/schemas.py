"""What every report is asked with."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from crm_shared.http.ids import CanonicalIds
from crm_shared.http.models import Day, Instant
from crm_shared.money import CurrencyCode
from crm_shared.time_zones import TimeZone

MAX_OWNERS = 200


class ReportQuery(CanonicalIds):
    """The parameters of every report. A report's own are added by inheriting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline_id: Annotated[UUID | None, Field(description="default: the default pipeline")] = None
    owner_id: list[UUID] = Field(default=[], max_length=MAX_OWNERS, description="repeatable; default: all you see")
    currency: Annotated[CurrencyCode | None, Field(description="default: the tenant's base currency")] = None
    time_zone: Annotated[TimeZone | None, Field(description="IANA name; default: the tenant's")] = None


class AsOfQuery(ReportQuery):
    """A report that may be asked about any past moment, in business time."""

    as_of: Annotated[Instant | None, Field(description="the moment to report, such as 2026-11-01T00:00:00Z")] = None


class WindowQuery(ReportQuery):
    """A report over days of its time zone, both ends included. Each report has its own defaults."""

    from_: Annotated[Day | None, Field(alias="from", description="the first day")] = None
    to: Annotated[Day | None, Field(description="the last day")] = None


MissingRates = Annotated[
    list[str], Field(description="currencies without a rate on a day that was needed; the money lacks them")
]
AsOf = Annotated[datetime, Field(description="the moment that the figures are of")]
