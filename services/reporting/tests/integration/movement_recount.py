"""What GET /v1/reports/movement ought to say, worked out deal by deal in plain Python, in exact fractions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.reporting.tests.integration.lives import STAGES, as_of
from services.reporting.tests.integration.movement_stories import BUCKETS

from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline

CURRENCIES: Final = ("EUR", "USD", "JPY", "GBP")
RATES: Final = {
    "USD": {"2026-10-01": "0.9", "2026-11-04": "0.8125"},
    "JPY": {"2026-10-01": "0.0061", "2026-11-05": "0.00593"},
    "GBP": {"2026-11-04": "1.15"},  # at first it has none
}
DIGITS: Final = {"EUR": 2, "USD": 2, "JPY": 0, "GBP": 2}

ACTS: Final = ("move", "move", "amount", "owner_id", "currency", "pipeline", "delete")


def draw_amount(rng: Random) -> Decimal | None:
    return rng.choice((None, Decimal(0), *(Decimal(rng.randrange(10**digits)) / 100 for digits in (3, 6, 8))))


def live(
    rng: Random, pipelines: Sequence[PublishedPipeline], owners: Sequence[UUID], contacts: Sequence[UUID | None]
) -> DealStory:
    """Let a deal live for some days in either pipeline: moves may be told of long after they happened."""
    story = DealStory(
        rng.choice(pipelines),
        rng.choice(owners),
        draw_amount(rng),
        rng.choice(CURRENCIES),
        stage=rng.choice((*STAGES[:4], *STAGES)),
        at=BEGAN_AT + timedelta(hours=rng.randrange(48)),
        contact_id=rng.choice(contacts),
    )
    story.create()
    now = story.at
    for what in rng.choices(ACTS, k=rng.randrange(9)):
        now += timedelta(minutes=rng.choice((0, 7, 600, 1500)))
        story.at = now - timedelta(minutes=1)  # an act comes a minute later
        at = max(now - timedelta(minutes=rng.choice((0, 0, 90, 2000))), story.state["stage_changed_at"])
        act(rng, story, what, pipelines, owners, at)
    return story


def act(
    rng: Random,
    story: DealStory,
    what: str,
    pipelines: Sequence[PublishedPipeline],
    owners: Sequence[UUID],
    moved_at: datetime,
) -> None:
    values = {"amount": draw_amount(rng), "owner_id": rng.choice(owners), "currency": rng.choice(CURRENCIES)}
    if what == "move":
        stage = rng.choice(STAGES)
        if story.state["stage_id"] != story.pipeline.stage(stage).id:
            story.move(stage, at=moved_at)
    elif what == "pipeline":
        other = next(one for one in pipelines if one.id != story.pipeline.id)
        change_pipeline(story, other, rng.choice(STAGES[:4]), moved_at)
    elif what == "delete":
        story.restore() if story.is_deleted else story.delete()
    elif story.state[what] != values[what]:
        story.edit(**{what: values[what]})


def change_pipeline(story: DealStory, to: PublishedPipeline, stage: str, at: datetime) -> None:
    """Bring an open deal, or one that is reopened by it, into a stage of another pipeline."""
    story.at = at - timedelta(minutes=1)
    changes: dict[str, Any] = {"pipeline_id": to.id, "stage_id": to.stage(stage).id, "stage_changed_at": at}
    if story.state["status"] != "OPEN":
        changes |= {"status": "OPEN", "closed_at": None}
    story.edit(**changes)
    story.pipeline = to


@dataclass
class Recount:
    """Exact parts by bucket and deal, in the report's currency, and what each end amounts to."""

    ends: list[dict[str, Any]]
    parts: dict[str, dict[UUID, Fraction]]
    states: dict[UUID, tuple[dict[str, Any] | None, dict[str, Any] | None]]
    missing: set[str] = field(default_factory=set)

    def sum_of(self, bucket: str) -> Fraction:
        return sum(self.parts[bucket].values(), Fraction(0))


@dataclass(frozen=True)
class Asked:
    """`versions`: the pipeline asked about as it was at each time. `owners`: none for all."""

    versions: Sequence[PublishedPipeline]
    start: datetime
    end: datetime
    currency: str
    zone: str
    owners: Sequence[UUID] = ()

    def rate(self, currency: str, moment: datetime) -> Fraction | None:
        if currency == "EUR":
            return Fraction(1)
        day = moment.astimezone(ZoneInfo(self.zone)).date().isoformat()
        known = [since for since in RATES[currency] if since <= day]
        return Fraction(RATES[currency][max(known)]) if known else None

    def lacking(self, currency: str) -> set[str]:
        """Name the currencies whose rates it would take and that have none at one end."""
        wanted = {currency, self.currency} if currency != self.currency else set()
        return {code for code in wanted if None in (self.rate(code, self.start), self.rate(code, self.end))}

    def convert(self, state: Mapping[str, Any], moment: datetime) -> Fraction:
        amount = Fraction(state["amount"] or 0)
        if state["currency"] == self.currency:
            return amount
        if self.lacking(state["currency"]):
            return Fraction(0)
        rate, own = self.rate(state["currency"], moment), self.rate(self.currency, moment)
        assert rate is not None
        assert own is not None
        return amount * rate / own

    def is_in(self, state: Mapping[str, Any] | None) -> bool:
        return (
            state is not None
            and state["status"] == "OPEN"
            and state["pipeline_id"] == self.versions[0].id
            and (not self.owners or state["owner_id"] in self.owners)
        )

    def probability(self, stage_id: UUID, moment: datetime) -> int:
        past = [published for published in self.versions if published.at <= moment] or [self.versions[0]]
        return next(stage.win_probability for stage in past[-1].stages if stage.id == stage_id)


def recount(asked: Asked, stories: Sequence[DealStory]) -> Recount:
    """Compare what each deal was at both ends. `stories`: what the viewer sees today."""
    found = Recount([_open_nothing(), _open_nothing()], {bucket: {} for bucket in BUCKETS}, {})
    for story in stories:
        states = (as_of(story, asked.start), as_of(story, asked.end))
        found.states[story.id] = states
        for end, state, moment in zip(found.ends, states, (asked.start, asked.end), strict=True):
            if state is not None and asked.is_in(state):
                worth = asked.convert(state, moment)
                end["deal_count"] += 1
                end["amount"] += worth
                end["weighted"] += worth * asked.probability(state["stage_id"], moment) / 100
                if state["amount"]:
                    found.missing |= asked.lacking(state["currency"])
        for bucket, part in _list_parts(asked, story, *states):
            found.parts[bucket][story.id] = part
    return found


def _open_nothing() -> dict[str, Any]:
    return {"deal_count": 0, "amount": Fraction(0), "weighted": Fraction(0)}


def _list_parts(
    asked: Asked, story: DealStory, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> Iterator[tuple[str, Fraction]]:
    if asked.is_in(before) and asked.is_in(after):
        assert before is not None
        assert after is not None
        old, new = asked.convert(before, asked.start), asked.convert(after, asked.start)
        if new != old:
            yield "increased" if new > old else "decreased", new - old
        if asked.convert(after, asked.end) != new:
            yield "fx", asked.convert(after, asked.end) - new
    elif asked.is_in(after):
        assert after is not None
        came = asked.convert(after, asked.end)
        if before is None:
            yield "created" if story.state["created_at"] > asked.start else "restored", came
        else:
            yield "reopened" if before["status"] != "OPEN" else "moved_in", came
    elif asked.is_in(before):
        assert before is not None
        went = -asked.convert(before, asked.start)
        if after is None:
            yield "deleted", went
        else:
            yield {"WON": "won", "LOST": "lost", "OPEN": "moved_out"}[after["status"]], went


def round_half_even(amount: Fraction, currency: str) -> str:
    unit = 10 ** DIGITS[currency]
    return str(Decimal(round(amount * unit)).scaleb(-DIGITS[currency]))  # round() is half-even
