"""Puts the movement report and the lists of its deals together: reads, compares, converts."""

from collections.abc import Collection, Mapping
from typing import Any

from crm_reporting.exchange_rates.conversion import exact_arithmetic, round_money
from crm_reporting.exchange_rates.queries import load_all_rates
from crm_reporting.reports.movement import figures, queries
from crm_reporting.reports.movement.buckets import KEPT, Bucket
from crm_reporting.reports.movement.rates import EndRates
from crm_reporting.reports.movement.spans import Span
from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stages import list_stages_as_of
from crm_shared.database import Connection
from crm_shared.listing import Page, Rows
from crm_shared.local_days import day_of

VALUES = ("stage_id", "status", "amount", "currency")


async def compile_report(connection: Connection, scope: Scope, span: Span) -> dict[str, Any]:
    """Return what turned the open pipeline of one moment into that of the other (semantics.md).

    Costs what adding up the pipeline's open deals costs, and classifying those that changed between.
    """
    rates = await _load_rates(connection, scope, span)
    probabilities = [
        {stage.id: stage.win_probability for stage in await list_stages_as_of(connection, scope, moment)}
        for moment in (span.start, span.end)
    ]
    sides = await queries.sum_sides(connection, scope, span, rates.list_values())
    missing = rates.find_missing(figures.list_currencies(sides))
    return {**_describe(scope, span, missing), **figures.to_figures(sides, rates, *probabilities)}


async def list_deals(
    connection: Connection, scope: Scope, span: Span, bucket: Bucket, page: Page
) -> tuple[dict[str, Any], Rows]:
    """Return a page of the deals that have a part in the bucket, and the rows that it was made of."""
    rates = await _load_rates(connection, scope, span)
    worth, moved = rates.list_values(), rates.list_moved()
    rows = await queries.select_moved_deals(scope, span, bucket, page, worth=worth, moved=moved).fetch(connection)
    shown = rows[: page.limit]
    used = {row[f"currency_{end}"] for row in shown for end in ("before", "after") if row[f"amount_{end}"]}
    items = [_to_item(row, bucket, rates) for row in shown]
    return {**_describe(scope, span, rates.find_missing(used)), "bucket": bucket, "items": items}, rows


def _describe(scope: Scope, span: Span, missing: Collection[str]) -> dict[str, Any]:
    return {
        "pipeline_id": scope.pipeline_id,
        "from": span.start,
        "to": span.end,
        "currency": scope.currency,
        "missing_rates": sorted(missing),
        "as_of": scope.now,
    }


async def _load_rates(connection: Connection, scope: Scope, span: Span) -> EndRates:
    first_day, last_day = (day_of(moment, scope.time_zone) for moment in (span.start, span.end))
    rates = await load_all_rates(connection, scope.caller, (first_day, last_day))
    return EndRates.of(rates, scope.currency, first_day, last_day)


def _to_item(row: Mapping[str, Any], bucket: Bucket, rates: EndRates) -> dict[str, Any]:
    kind = KEPT if bucket == Bucket.FX else bucket.value
    before, after = (
        None if row[f"stage_{end}"] is None else {name: row[f"{name.removesuffix('_id')}_{end}"] for name in VALUES}
        for end in ("before", "after")
    )
    with exact_arithmetic():
        parts = [
            part
            for is_end, then in ((False, before), (True, after))
            if then is not None
            for into, part in figures.list_parts(
                kind, then["amount"] or figures.ZERO, then["currency"], rates, is_end=is_end
            )
            if into == bucket
        ]
        amount = sum(parts, figures.ZERO)
    return {
        "deal_id": row["id"],
        "name": row["name"],
        "owner_id": row["owner_id"],
        "amount": round_money(amount, rates.currency) + 0,
        "before": before,
        "after": after,
    }
