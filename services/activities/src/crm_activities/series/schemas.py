"""What requests say of series."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from crm_activities.series.editing import Scope
from crm_activities.series.rules import MOST_CHARS, to_rule_text
from crm_shared.time_zones import TimeZone

__all__ = ["RecurrenceBody", "Scope", "ScopeQuery"]

RuleText = Annotated[
    str,
    StringConstraints(max_length=MOST_CHARS),
    AfterValidator(to_rule_text),
    Field(examples=["FREQ=WEEKLY;BYDAY=MO"], description="RRULE of RFC 5545, DAILY to YEARLY"),
]


class RecurrenceBody(BaseModel):
    """When it comes again, by the clocks of a time zone."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    rrule: RuleText
    time_zone: TimeZone


class ScopeQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: Annotated[Scope, Field(description="of a series: this instance, or this and all that follow")] = Scope.THIS
