"""SQL that writes what the consumers learn: a fixed number of statements a batch, whatever its size.

Locks are taken in one order by all: facts by key, then rollup rows by key, transitions, progress. `old` and `new` in
RETURNING are PostgreSQL 18's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crm_reporting.activities.sums import recount_days
from crm_reporting.closings import losses
from crm_reporting.closings.store import LIST_CHANGES, ClosingChange, recount_closings
from crm_reporting.conversions.store import remake_conversions
from crm_reporting.emails.recount import relink_emails
from crm_reporting.history.forecasts import recount_forecasts
from crm_reporting.history.sums import FormerFact, recount_periods
from crm_reporting.projections import DealFact, KnownContact, KnownPipeline, StageTransition
from crm_reporting.row_arrays import to_columns
from crm_reporting.stays.store import remake_stays
from crm_reporting.wins.store import remake_wins
from crm_shared.access.shares import SharesOfContact, replace_shares
from crm_shared.contracts import Event
from crm_shared.contracts.topics import topic_of
from crm_shared.database import Transaction

# The rollup's changes follow from what was really written, row by row under its lock: a stale or repeated event
# writes no fact and so changes no sum, and two workers that hold one deal for a moment can't count it twice. What
# was not kept yet when its version came (a name, a reason) is filled in by a snapshot of it, which differs in nothing
# else.
SAVE_FACTS = (
    """
    WITH written AS (
        INSERT INTO deal_facts AS f (tenant_id, deal_id, version, pipeline_id, stage_id, owner_id, contact_id, status,
                                     amount, currency, close_date, created_at, stage_changed_at, closed_at, is_deleted,
                                     lost_reason, name)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[],
                             $8::text[], $9::numeric[], $10::text[], $11::date[], $12::timestamptz[],
                             $13::timestamptz[], $14::timestamptz[], $15::boolean[], $16::text[],
                             $17::text[])
        ON CONFLICT (tenant_id, deal_id) DO UPDATE
           SET version = excluded.version, pipeline_id = excluded.pipeline_id, stage_id = excluded.stage_id,
               owner_id = excluded.owner_id, contact_id = excluded.contact_id, status = excluded.status,
               amount = excluded.amount, currency = excluded.currency, close_date = excluded.close_date,
               created_at = excluded.created_at, stage_changed_at = excluded.stage_changed_at,
               closed_at = excluded.closed_at, is_deleted = excluded.is_deleted, lost_reason = excluded.lost_reason,
               name = excluded.name
         WHERE f.version < excluded.version
            OR f.version = excluded.version AND (f.lost_reason IS NULL AND excluded.lost_reason IS NOT NULL
                                                 OR f.name IS NULL AND excluded.name IS NOT NULL)
        RETURNING old AS before, new AS after
    ), sides AS (
        SELECT -1 AS sign, (before).* FROM written WHERE (before).deal_id IS NOT NULL AND NOT (before).is_deleted
        UNION ALL
        SELECT 1, (after).* FROM written WHERE NOT (after).is_deleted
    ), deltas AS (
        SELECT tenant_id, pipeline_id, stage_id, owner_id, currency,
               date_trunc('month', close_date::timestamp)::date AS close_month, status,
               sum(sign) AS deal_count,
               sum(sign * COALESCE(amount, 0)) AS total_amount,
               sum(sign * extract(epoch FROM created_at)) AS created_epoch_s,
               sum(sign * extract(epoch FROM stage_changed_at)) AS stage_changed_epoch_s
          FROM sides
         GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), rolled AS (
        INSERT INTO deal_rollup AS r (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status,
                                      deal_count, total_amount, created_epoch_s, stage_changed_epoch_s)
        SELECT * FROM deltas
         WHERE (deal_count, total_amount, created_epoch_s, stage_changed_epoch_s) <> (0, 0, 0, 0)
         ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status) DO UPDATE
           SET deal_count = r.deal_count + excluded.deal_count,
               total_amount = r.total_amount + excluded.total_amount,
               created_epoch_s = r.created_epoch_s + excluded.created_epoch_s,
               stage_changed_epoch_s = r.stage_changed_epoch_s + excluded.stage_changed_epoch_s
        RETURNING r.tenant_id, r.pipeline_id, r.stage_id, r.deal_count
    )
    SELECT DISTINCT 'emptied' AS what, tenant_id, pipeline_id, NULL::boolean AS is_of_all, NULL::uuid AS owner_id,
           NULL::date AS closed_day, NULL AS currency, NULL AS status, stage_id, 0 AS deal_count, 0 AS valued_count,
           0 AS total_amount, 0 AS total_cycle_s, NULL::uuid AS deal_id, NULL::timestamptz AS created_at,
           NULL AS lost_reason
      FROM rolled
     WHERE deal_count = 0
     UNION ALL
    SELECT 'former', (before).tenant_id, NULL, NULL, (before).owner_id, NULL, NULL, NULL, NULL, 0, 0, 0, 0,
           (before).deal_id, (before).created_at, NULL
      FROM written
     WHERE (before).deal_id IS NOT NULL
       AND ((before).owner_id, (before).created_at, (before).is_deleted)
           IS DISTINCT FROM ((after).owner_id, (after).created_at, (after).is_deleted)
     UNION ALL
    SELECT 'closing', closings.*, NULL, NULL, NULL
      FROM ("""  # noqa: S608 - texts of ours
    + LIST_CHANGES
    + """) closings
     WHERE (deal_count, valued_count, total_amount, total_cycle_s) <> (0, 0, 0, 0)
     UNION ALL
    SELECT 'loss', tenant_id, pipeline_id, is_of_all, owner_id, closed_day, NULL, NULL, NULL, deal_count, 0, 0, 0, NULL,
           NULL, lost_reason
      FROM ("""
    + losses.LIST_CHANGES
    + ") lost"
)

# A statement of its own, since one may not write a row twice. Rows that came to nothing would else pile up: a deal
# leaves one behind in every stage it passes. Every transaction deletes its own before it commits, so the zeros that
# are seen here are this one's, and their locks are held already.
DELETE_EMPTY = """
    DELETE FROM deal_rollup r
     USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS emptied (tenant_id, pipeline_id, stage_id)
     WHERE (r.tenant_id, r.pipeline_id, r.stage_id) = (emptied.tenant_id, emptied.pipeline_id, emptied.stage_id)
       AND r.deal_count = 0
"""

# An entry never changes; what its first record could not tell is filled in from another.
SAVE_TRANSITIONS = """
    INSERT INTO stage_transitions AS t (tenant_id, deal_id, version, pipeline_id, from_stage_id, from_stage_name,
                                        to_stage_id, to_stage_name, changed_at, changed_by, owner_id, amount, currency)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[],
                         $8::text[], $9::timestamptz[], $10::uuid[], $11::uuid[], $12::numeric[], $13::text[])
    ON CONFLICT (tenant_id, deal_id, version) DO UPDATE
       SET pipeline_id = COALESCE(t.pipeline_id, excluded.pipeline_id),
           from_stage_name = COALESCE(t.from_stage_name, excluded.from_stage_name),
           to_stage_name = COALESCE(t.to_stage_name, excluded.to_stage_name),
           owner_id = COALESCE(t.owner_id, excluded.owner_id),
           amount = COALESCE(t.amount, excluded.amount),
           currency = COALESCE(t.currency, excluded.currency)
     WHERE (t.pipeline_id IS NULL AND excluded.pipeline_id IS NOT NULL)
        OR (t.to_stage_name IS NULL AND excluded.to_stage_name IS NOT NULL)
"""

SAVE_PIPELINES = """
    INSERT INTO pipelines AS p (tenant_id, id, version, name, is_default, archived)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::boolean[], $6::boolean[])
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, is_default = excluded.is_default,
           archived = excluded.archived
     WHERE p.version < excluded.version
    RETURNING p.tenant_id, p.id
"""

# Stages that their pipeline no longer lists stay, marked; the pipelines' rows are locked by the statement before.
REMOVE_STAGES = """
    UPDATE stages s
       SET is_removed = true
      FROM unnest($1::uuid[], $2::uuid[]) AS changed (tenant_id, pipeline_id)
     WHERE (s.tenant_id, s.pipeline_id) = (changed.tenant_id, changed.pipeline_id)
       AND NOT s.is_removed AND s.id <> ALL($3::uuid[])
"""

SAVE_STAGES = """
    INSERT INTO stages AS s (tenant_id, id, pipeline_id, name, win_probability, kind, position, is_removed)
    SELECT listed.*, false
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::text[], $7::integer[]) AS listed
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET pipeline_id = excluded.pipeline_id, name = excluded.name, win_probability = excluded.win_probability,
           kind = excluded.kind, position = excluded.position, is_removed = false
"""

# What was not kept yet when its version came is filled in by a snapshot of it.
SAVE_CONTACTS = """
    INSERT INTO contacts AS c (tenant_id, id, version, owner_id, source, is_deleted)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::boolean[])
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET version = excluded.version, owner_id = excluded.owner_id, source = excluded.source,
           is_deleted = excluded.is_deleted
     WHERE c.version < excluded.version
        OR c.version = excluded.version
           AND (c.owner_id, c.source, c.is_deleted)
               IS DISTINCT FROM (excluded.owner_id, excluded.source, excluded.is_deleted)
    RETURNING c.tenant_id, c.id
"""

NOTE_PROGRESS = """
    INSERT INTO source_progress AS p (tenant_id, topic, last_event_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
    ON CONFLICT (tenant_id, topic) DO UPDATE
       SET last_event_at = excluded.last_event_at
     WHERE p.last_event_at < excluded.last_event_at
"""


# Whoever writes facts carries the difference into the sums, so nobody may meanwhile; reports go on with the old ones.
HOLD_FACTS = "LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE"
DROP_SUMS = "DELETE FROM deal_rollup"
# What the sums are by the facts, in the order of the table's columns; `crm-reporting verify` compares with it.
RECOMPUTED_SUMS = """
    SELECT tenant_id, pipeline_id, stage_id, owner_id, currency,
           date_trunc('month', close_date::timestamp)::date AS close_month, status, count(*) AS deal_count,
           COALESCE(sum(amount), 0) AS total_amount, sum(extract(epoch FROM created_at)) AS created_epoch_s,
           sum(extract(epoch FROM stage_changed_at)) AS stage_changed_epoch_s
      FROM deal_facts
     WHERE NOT is_deleted"""
BY_KEY = " GROUP BY 1, 2, 3, 4, 5, 6, 7"
SUM_UP = (
    """
    INSERT INTO deal_rollup (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status,
                             deal_count, total_amount, created_epoch_s, stage_changed_epoch_s)
"""
    + RECOMPUTED_SUMS
    + BY_KEY
)


async def recount(transaction: Transaction) -> None:
    """Make all sums anew from the facts, over all tenants. The worker waits meanwhile: seconds for a million deals."""
    for statement in (HOLD_FACTS, DROP_SUMS, SUM_UP):
        await transaction.execute(statement)
    await recount_closings(transaction)
    await losses.recount_losses(transaction)
    await recount_periods(transaction)
    await recount_forecasts(transaction)
    await remake_stays(transaction)
    await remake_conversions(transaction)
    await remake_wins(transaction)
    await recount_days(transaction)
    await relink_emails(transaction)


class FactChanges(NamedTuple):
    """What the facts that were written are to sums that come later on in the transaction, and to periods.

    `former`: the deals that had another owner or time of creation before, or were deleted or restored.
    """

    closings: list[ClosingChange]
    losses: list[losses.LossChange]
    former: list[FormerFact]


async def save_facts(transaction: Transaction, facts: Sequence[DealFact]) -> FactChanges:
    """Write the facts that are newer than the table's and carry what changed into the rollup.

    `facts` hold one row a deal, sorted by key.
    """
    rows = await transaction.fetch(SAVE_FACTS, *to_columns(facts, width=len(DealFact._fields)))
    emptied = [(row["tenant_id"], row["pipeline_id"], row["stage_id"]) for row in rows if row["what"] == "emptied"]
    if emptied:
        await transaction.execute(DELETE_EMPTY, *to_columns(emptied, width=3))
    return FactChanges(
        [ClosingChange(*_pick(row, ClosingChange._fields)) for row in rows if row["what"] == "closing"],
        [losses.LossChange(*_pick(row, losses.LossChange._fields)) for row in rows if row["what"] == "loss"],
        [FormerFact(*_pick(row, FormerFact._fields)) for row in rows if row["what"] == "former"],
    )


def _pick(row: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    return [row[name] for name in names]


async def save_transitions(transaction: Transaction, transitions: Sequence[StageTransition]) -> None:
    """Write the entries that are not there yet, one row a version, sorted by key."""
    if transitions:
        await transaction.execute(SAVE_TRANSITIONS, *to_columns(transitions, width=len(StageTransition._fields)))


async def save_pipelines(transaction: Transaction, pipelines: Sequence[KnownPipeline]) -> None:
    """Write the pipelines that are newer than the table's, with their stages."""
    rows = [
        (known.tenant_id, state.id, state.version, state.name, state.is_default, state.archived)
        for known in pipelines
        for state in (known.state,)
    ]
    written = {tuple(row) for row in await transaction.fetch(SAVE_PIPELINES, *to_columns(rows, width=6))}
    changed = [known for known in pipelines if (known.tenant_id, known.state.id) in written]
    if not changed:
        return
    stages = [
        (known.tenant_id, stage.id, known.state.id, stage.name, stage.win_probability, stage.kind, stage.position)
        for known in changed
        for stage in sorted(known.state.stages, key=lambda stage: stage.id)
    ]
    keys = [(known.tenant_id, known.state.id) for known in changed]
    await transaction.execute(REMOVE_STAGES, *to_columns(keys, width=2), [stage[1] for stage in stages])
    await transaction.execute(SAVE_STAGES, *to_columns(stages, width=7))


async def save_contacts(transaction: Transaction, contacts: Sequence[KnownContact]) -> None:
    """Write the contacts newer than the table's, with owner, source and shares. `contacts` are sorted by key."""
    rows = await transaction.fetch(SAVE_CONTACTS, *to_columns([known[:6] for known in contacts], width=6))
    written = {tuple(row) for row in rows}
    changed = [known for known in contacts if known[:2] in written]
    await replace_shares(transaction, [SharesOfContact(known.tenant_id, known.id, known.shares) for known in changed])


async def note_progress(transaction: Transaction, events: Sequence[Event]) -> None:
    """Remember when the newest event of each tenant happened, for GET /v1/freshness.

    To be a transaction's last words: the rows are few, so batches that run at once wait for each other here.
    """
    newest: dict[tuple[Any, str], Any] = {}
    for event in events:
        key = (event.tenant_id, topic_of(event.aggregate))
        newest[key] = max(newest.get(key, event.occurred_at), event.occurred_at)
    await transaction.execute(NOTE_PROGRESS, *to_columns([(*key, newest[key]) for key in sorted(newest)], width=3))
