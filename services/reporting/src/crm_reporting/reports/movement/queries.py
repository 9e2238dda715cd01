"""SQL that compares the open pipeline of two moments, for the caller's eyes only.

A deal is in if it was open, in the pipeline and one of the owners', as of that moment. Who sees it is asked of today.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from crm_reporting.reports import standing
from crm_reporting.reports.movement.buckets import CHANGED, KEPT, Bucket
from crm_reporting.reports.movement.figures import Side, find_kept
from crm_reporting.reports.movement.spans import Span
from crm_reporting.reports.scope import Scope
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Order, Page, SortField, list_branches, merge_parts, to_halves
from crm_shared.listing.statements import first_rows

ORDER: Final = Order("-created_at", SortField("d.created_at", datetime), is_descending=True, id_column="d.deal_id")
"""Of a bucket's deals, as of every list: what decides it never changes."""

# Most deals are the same at both ends: one period reaches over both.
KEPT_FACTS = """
      JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (p.tenant_id, p.deal_id)"""
WHERE_KEPT = """
     WHERE p.tenant_id = $1 AND p.pipeline_id = $2 AND p.status = 'OPEN'
       AND p.valid_from <= $3 AND (p.valid_to > $4 OR p.valid_to IS NULL)
       AND ($5::uuid[] IS NULL OR p.owner_id = ANY ($5)) AND """

# The others had a period that ended between, or one that began between and lasted, in the pipeline and open. `b` and
# `a` are such a deal as it was at either end, whatever it was then and wherever; nothing where there was no such deal.
# $6 and $7 tell what currencies were worth at the start, for amounts to be compared by. Both are read by their moments,
# all that changed between, and each deal that is asked for is looked up: it costs what changed, however many there are.
FROM_CHANGED = """
      FROM (SELECT *
              FROM deal_periods p
             WHERE p.tenant_id = $1 AND p.valid_from <= $3 AND p.valid_to > $3 AND p.valid_to <= $4
            OFFSET 0) b
      FULL JOIN (
            SELECT *
              FROM deal_periods p
             WHERE p.tenant_id = $1 AND p.valid_from > $3 AND p.valid_from <= $4
               AND (p.valid_to > $4 OR p.valid_to IS NULL)
            OFFSET 0) a ON a.deal_id = b.deal_id
     CROSS JOIN LATERAL (
        SELECT COALESCE(b.deal_id, a.deal_id) AS deal_id
         WHERE b.status = 'OPEN' AND b.pipeline_id = $2 OR a.status = 'OPEN' AND a.pipeline_id = $2
        OFFSET 0) t
     CROSS JOIN LATERAL (SELECT d.* FROM deal_facts d WHERE d.tenant_id = $1 AND d.deal_id = t.deal_id OFFSET 0) d
      LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_b (currency, rate) ON worth_b.currency = b.currency
      LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_a (currency, rate) ON worth_a.currency = a.currency
     CROSS JOIN LATERAL (
        SELECT (b.status = 'OPEN' AND b.pipeline_id = $2 AND ($5::uuid[] IS NULL OR b.owner_id = ANY ($5))) IS TRUE
                   AS was_in,
               (a.status = 'OPEN' AND a.pipeline_id = $2 AND ($5::uuid[] IS NULL OR a.owner_id = ANY ($5))) IS TRUE
                   AS is_in) m
     CROSS JOIN LATERAL (
        SELECT CASE WHEN m.was_in AND m.is_in THEN
                    CASE sign(COALESCE(a.amount * worth_a.rate, 0) - COALESCE(b.amount * worth_b.rate, 0))
                         WHEN 1 THEN 'increased' WHEN -1 THEN 'decreased' ELSE 'kept' END
                    WHEN m.is_in THEN
                    CASE WHEN b.deal_id IS NULL AND d.created_at > $3 THEN 'created'
                         WHEN b.deal_id IS NULL THEN 'restored'
                         WHEN b.status <> 'OPEN' THEN 'reopened' ELSE 'moved_in' END
                    ELSE
                    CASE WHEN a.status = 'WON' THEN 'won' WHEN a.status = 'LOST' THEN 'lost'
                         WHEN a.deal_id IS NULL THEN 'deleted' ELSE 'moved_out' END
               END AS kind) k
     WHERE (m.was_in OR m.is_in) AND """
CHANGED_VALUES = """
    SELECT k.kind, m.was_in, m.is_in, b.stage_id AS stage_before, b.currency AS currency_before,
           b.amount AS amount_before, a.stage_id AS stage_after, a.currency AS currency_after,
           a.amount AS amount_after"""
SUM_CHANGED = """
    SELECT c.kind, false AS is_end, c.stage_before AS stage_id, c.currency_before AS currency, count(*) AS deal_count,
           count(*) FILTER (WHERE c.amount_before <> 0) AS valued_count, COALESCE(sum(c.amount_before), 0) AS amount
      FROM changed c
     WHERE c.was_in
     GROUP BY 1, 2, 3, 4
     UNION ALL
    SELECT c.kind, true, c.stage_after, c.currency_after, count(*), count(*) FILTER (WHERE c.amount_after <> 0),
           COALESCE(sum(c.amount_after), 0)
      FROM changed c
     WHERE c.is_in
     GROUP BY 1, 2, 3, 4
"""

KEPT_DEALS = """
    SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, p.stage_id AS stage_before, p.status AS status_before,
           p.amount AS amount_before, p.currency AS currency_before, p.stage_id AS stage_after,
           p.status AS status_after, p.amount AS amount_after, p.currency AS currency_after
      FROM deal_periods p"""
CHANGED_DEALS = """
    SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, b.stage_id AS stage_before, b.status AS status_before,
           b.amount AS amount_before, b.currency AS currency_before, a.stage_id AS stage_after,
           a.status AS status_after, a.amount AS amount_after, a.currency AS currency_after"""


async def sum_sides(connection: Connection, scope: Scope, span: Span, worth: Mapping[str, Decimal]) -> list[Side]:
    """Add up both ends. `worth`: what currencies were worth at the start, of those that count."""
    stood = await standing.sum_open(connection, scope, span.start)
    where = _begin(scope, span, list(worth), list(worth.values()))
    changed = " UNION ALL ".join(CHANGED_VALUES + FROM_CHANGED + branch for branch in _list_branches(where, scope))
    rows = await connection.fetch("WITH changed AS MATERIALIZED (" + changed + ")" + SUM_CHANGED, *where.parameters)
    changed_sides = [Side(**row) for row in rows]
    return find_kept(stood, changed_sides) + changed_sides


def select_moved_deals(
    scope: Scope, span: Span, bucket: Bucket, page: Page, *, worth: Mapping[str, Decimal], moved: Sequence[str]
) -> ListStatement:
    """Return a page of the deals that have a part in the bucket. `moved`: currencies whose rates did something."""
    of_fx = bucket == Bucket.FX
    kinds = sorted([*CHANGED, KEPT]) if of_fx else [bucket.value]

    def to_sql(where: Where, count: str) -> str:
        changed = where.fork().add("k.kind = ANY ({})", kinds)
        parts = []
        if of_fx:
            changed.add("a.amount <> 0").add("a.currency = ANY ({})", moved)
            kept = where.fork().add("p.amount <> 0").add("p.currency = ANY ({})", moved)
            parts = [KEPT_DEALS + KEPT_FACTS + WHERE_KEPT + branch for branch in _list_branches(kept, scope)]
        parts += [CHANGED_DEALS + FROM_CHANGED + branch for branch in _list_branches(changed, scope)]
        return merge_parts([part + first_rows(page.order.sql, count) for part in parts], page.order, count)

    return to_halves(_begin(scope, span, list(worth), list(worth.values())), page, to_sql)


def _begin(scope: Scope, span: Span, *parameters: object) -> Where:
    return scope.where(span.start, span.end, list(scope.owner_ids) or None, *parameters)


def _list_branches(where: Where, scope: Scope) -> list[str]:
    """Return the WHERE texts of what the caller sees. Named owners are those of each moment, so not asked for here."""
    return list_branches(where, scope.caller, "d.owner_id", contact_id="d.contact_id")
