"""Other services' facts into this one's: the directory, pipelines, contacts, deals with their history, activities."""

from crm_reporting import projections, store
from crm_reporting.activities import projections as activity_projections
from crm_reporting.activities import store as activity_store
from crm_reporting.history import projections as histories
from crm_reporting.history import store as history_store
from crm_shared.bus import subscribe
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.replicas import consumers

keep_directory = consumers.keep_directory("reporting")


@subscribe("crm.pipeline", group_id="reporting.pipelines")
async def keep_pipelines(batch: list[Event], database: Database) -> None:
    """Keep pipelines and their stages, as they are and as each version had them."""
    pipelines = projections.to_pipelines(batch)
    versions = histories.to_stage_versions(batch)
    async with database.begin_as_worker() as transaction:
        await store.save_pipelines(transaction, pipelines)
        await history_store.save_stage_versions(transaction, versions)
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
    """
    changes = projections.read_deals(batch)
    facts = projections.to_facts(changes)
    transitions = projections.to_transitions(changes)
    versions = histories.to_deal_versions(changes)
    async with database.begin_as_worker() as transaction:
        await store.save_facts(transaction, facts)
        await store.save_transitions(transaction, transitions)
        await history_store.save_deal_versions(transaction, versions)
        await store.note_progress(transaction, batch)


@subscribe("crm.activity", group_id="reporting.activities")
async def keep_activities(batch: list[Event], database: Database) -> None:
    """Keep what reports count of activities, by version."""
    facts = activity_projections.to_facts(batch)
    async with database.begin_as_worker() as transaction:
        await activity_store.save_facts(transaction, facts)
        await store.note_progress(transaction, batch)
