"""Other services' facts into this one's: the directory, pipelines, contacts, deals with their history, activities."""

import asyncio
from collections.abc import Sequence
from typing import Final

from crm_reporting import projections, store
from crm_reporting.activities import projections as activity_projections
from crm_reporting.activities import store as activity_store
from crm_reporting.activities import sums as activity_sums
from crm_reporting.closings import store as closing_store
from crm_reporting.closings.losses import add_losses
from crm_reporting.conversions.store import list_moved, make_conversions
from crm_reporting.emails.store import link_emails
from crm_reporting.history import projections as histories
from crm_reporting.history import store as history_store
from crm_reporting.history import sums as history_sums
from crm_reporting.history.forecasts import add_forecasts
from crm_reporting.history.lost import forget_deal_versions, forget_stage_versions, leave_out_lost
from crm_reporting.stays import store as stay_store
from crm_reporting.wins.store import make_wins
from crm_shared.bus import subscribe
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.features.replicas import consumers
from crm_shared.features.restoring.lost_versions import list_lost

NAMES_AT_ONCE: Final = 2_000
"""Message ids that a batch of activities may refer to, whose digests are made without letting others have the loop."""

keep_directory = consumers.keep_directory("reporting")


@subscribe("crm.pipeline", group_id="reporting.pipelines")
async def keep_pipelines(batch: list[Event], database: Database) -> None:
    """Keep pipelines and their stages, as they are and as each version had them."""
    pipelines, versions = await asyncio.to_thread(_read_pipelines, batch)
    lost = list_lost(batch)
    async with database.begin_as_worker() as transaction:
        await store.save_pipelines(transaction, pipelines)
        await forget_stage_versions(transaction, lost)
        await history_store.save_stage_versions(transaction, leave_out_lost(versions, lost))
        await store.note_progress(transaction, batch)


@subscribe("crm.contact", group_id="reporting.contacts")
async def keep_shares(batch: list[Event], database: Database) -> None:
    """Keep each contact's owner and source, and whom it is shared with, by its version: they count what is its own."""
    contacts = projections.to_contacts(batch)
    async with database.begin_as_worker() as transaction:
        await store.save_contacts(transaction, contacts)
        await store.note_progress(transaction, batch)


@subscribe("crm.deal", group_id="reporting.deals")
async def project_deals(batch: list[Event], database: Database) -> None:
    """Bring facts, the rollup, transitions and history up to the batch, in one transaction.

    A batch may hold many events of one deal: each may tell of a transition, the newest alone makes the fact. Stale
    and repeated events leave the facts and the rollup as they are.

    Snapshots are read in a thread: one may tell of thousands of versions, and the loop has heartbeats to send.
    """
    has_snapshots = any(event.value_history for event in batch)
    facts, transitions, versions = await asyncio.to_thread(_read_deals, batch) if has_snapshots else _read_deals(batch)
    lost = list_lost(batch)
    async with database.begin_as_worker() as transaction:
        changes = await store.save_facts(transaction, facts)
        forgotten = await forget_deal_versions(transaction, lost)
        await store.save_transitions(transaction, leave_out_lost(transitions, lost))
        versions_left = leave_out_lost(versions, lost)
        history = await history_store.save_deal_versions(transaction, versions_left, changes.former, forgotten)
        await make_wins(transaction, [fact[:2] for fact in facts])
        moved = list_moved(transitions, changes.former, forgotten)
        await make_conversions(transaction, moved)
        await stay_store.make_stays(transaction, moved)
        await closing_store.add_closings(transaction, changes.closings)
        await add_losses(transaction, changes.losses)
        await history_sums.add_periods(transaction, history.periods)
        await add_forecasts(transaction, history.forecasts)
        await store.note_progress(transaction, batch)


def _read_pipelines(
    batch: Sequence[Event],
) -> tuple[list[projections.KnownPipeline], list[histories.StageVersion]]:
    return projections.to_pipelines(batch), histories.to_stage_versions(batch)


def _read_deals(
    batch: Sequence[Event],
) -> tuple[list[projections.DealFact], list[projections.StageTransition], list[histories.DealVersion]]:
    changes = projections.read_deals(batch)
    return projections.to_facts(changes), projections.to_transitions(changes), histories.to_deal_versions(changes)


@subscribe("crm.activity", group_id="reporting.activities")
async def keep_activities(batch: list[Event], database: Database) -> None:
    """Keep what reports count of activities, by version. E-mails that name many others are read in a thread."""
    is_long = sum(map(_count_names, batch)) > NAMES_AT_ONCE
    read = activity_projections.to_facts
    facts = await asyncio.to_thread(read, batch) if is_long else read(batch)
    async with database.begin_as_worker() as transaction:
        days = await activity_store.save_facts(transaction, facts)
        await activity_sums.add_days(transaction, days)
        await link_emails(transaction, [fact[:2] for fact in facts])
        await store.note_progress(transaction, batch)


def _count_names(event: Event) -> int:
    named = event.state.get("reference_ids")
    return len(named) if isinstance(named, list) else 0
