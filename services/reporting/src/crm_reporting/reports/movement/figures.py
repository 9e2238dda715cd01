"""The movement report's arithmetic. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import exact_arithmetic, round_money
from crm_reporting.reports.movement.buckets import CAME, CHANGED, KEPT, WENT, Bucket
from crm_reporting.reports.movement.rates import EndRates
from crm_reporting.reports.standing import Standing
from crm_shared.money import digits_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Side:
    """Open deals of one kind as they were at one end, in one stage and currency.

    `kind`: the bucket that the deals' difference is in, KEPT where that is none. `valued_count`: those of them that
    have an amount.
    """

    kind: str
    is_end: bool
    stage_id: UUID
    currency: str
    deal_count: int
    valued_count: int
    amount: Decimal


def find_kept(stood: Iterable[Standing], changed: Iterable[Side]) -> list[Side]:
    """Return both sides of the deals that are the same at either end: those that were in, less those that changed."""
    kept = {
        (found.stage_id, found.currency): (found.deal_count, found.valued_count, found.total_amount) for found in stood
    }
    with exact_arithmetic():
        for side in changed:
            if not side.is_end:
                count, valued, amount = kept[side.stage_id, side.currency]
                kept[side.stage_id, side.currency] = (
                    count - side.deal_count,
                    valued - side.valued_count,
                    amount - side.amount,
                )
    return [
        Side(KEPT, is_end, stage_id, currency, *figures)
        for (stage_id, currency), figures in kept.items()
        if figures[0]
        for is_end in (False, True)
    ]


def to_figures(
    sides: Sequence[Side],
    rates: EndRates,
    start_probabilities: Mapping[UUID, int],
    end_probabilities: Mapping[UUID, int],
) -> dict[str, Any]:
    """Return start, items and end; start and all items are end, in what is printed too."""
    with exact_arithmetic():
        starts = [side for side in sides if not side.is_end]
        ends = [side for side in sides if side.is_end]
        start = _to_open([(side, rates.to_start(side.amount, side.currency)) for side in starts], start_probabilities)
        end = _to_open([(side, rates.to_end(side.amount, side.currency)) for side in ends], end_probabilities)
        start, end = _round_all(start, rates.currency), _round_all(end, rates.currency)
        amounts = round_parts(_sum_parts(sides, rates), end["amount"] - start["amount"], rates.currency)
    counts = _count(sides, rates)
    items = [{"bucket": bucket, "deal_count": counts[bucket], "amount": amounts[bucket]} for bucket in Bucket]
    return {"start": start, "items": items, "end": end}


def list_currencies(sides: Iterable[Side]) -> set[str]:
    """Name the currencies that money was in. Nothing is nothing in every currency and takes no rate."""
    return {side.currency for side in sides if side.amount}


def list_parts(
    kind: str, amount: Decimal, currency: str, rates: EndRates, *, is_end: bool
) -> Iterator[tuple[Bucket, Decimal]]:
    """Yield what money that was there at one end puts into the buckets, in the report's currency and unrounded.

    Of a deal open at both ends the amounts of both are compared at the rates of the start; what the rates did to the
    later one is `fx`. So a change of currency is a change of the amount.
    """
    start = rates.to_start(amount, currency)
    if kind in CAME and is_end:
        yield Bucket(kind), rates.to_end(amount, currency)
    elif kind in WENT and not is_end:
        yield Bucket(kind), -start
    elif kind not in CAME | WENT:
        if kind in CHANGED:
            yield Bucket(kind), start if is_end else -start
        if is_end:
            yield Bucket.FX, rates.to_end(amount, currency) - start


def round_parts(parts: Mapping[Bucket, Decimal], total: Decimal, currency: str) -> dict[Bucket, Decimal]:
    """Round so that the parts add up to `total`: down, and up by a cent those with the largest remainders.

    `total` may be a cent away from the parts' own sum, as start and end were rounded by themselves. Parts that are
    nothing stay nothing.
    """
    cent = Decimal(1).scaleb(-digits_of(currency))
    with exact_arithmetic():
        rounded = {bucket: part.quantize(cent, ROUND_FLOOR) for bucket, part in parts.items()}
        ranked = sorted((bucket for bucket in parts if parts[bucket]), key=lambda b: rounded[b] - parts[b])
        cents = int((total - sum(rounded.values(), ZERO)) / cent)
        for number in range(abs(cents)):
            if cents > 0:
                rounded[ranked[number % len(ranked)]] += cent
            else:
                rounded[ranked[-1 - number % len(ranked)]] -= cent
    return rounded


def _to_open(sides: Iterable[tuple[Side, Decimal]], probabilities: Mapping[UUID, int]) -> dict[str, Any]:
    count, amount, weighted = 0, ZERO, ZERO
    for side, converted in sides:
        count += side.deal_count
        amount += converted
        weighted += converted * probabilities.get(side.stage_id, 0) / 100
    return {"deal_count": count, "amount": amount, "weighted": weighted}


def _round_all(found: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        name: round_money(value, currency) if isinstance(value, Decimal) else value for name, value in found.items()
    }


def _sum_parts(sides: Iterable[Side], rates: EndRates) -> dict[Bucket, Decimal]:
    parts = dict.fromkeys(Bucket, ZERO)
    for side in sides:
        for bucket, part in list_parts(side.kind, side.amount, side.currency, rates, is_end=side.is_end):
            parts[bucket] += part
    return parts


def _count(sides: Iterable[Side], rates: EndRates) -> dict[Bucket, int]:
    """Count by bucket the deals that have a part in it: each stands in one side of it."""
    counts = dict.fromkeys(Bucket, 0)
    moved = set(rates.list_moved())
    for side in sides:
        if side.kind in WENT:
            counts[Bucket(side.kind)] += side.deal_count
        elif side.is_end:
            if side.kind in CAME | CHANGED:
                counts[Bucket(side.kind)] += side.deal_count
            if side.kind not in CAME and side.currency in moved:
                counts[Bucket.FX] += side.valued_count
    return counts
