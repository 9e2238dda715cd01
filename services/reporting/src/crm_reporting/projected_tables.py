"""Which tables are made of what other services tell, by the consumer that makes them, and which are this service's own.

A table that a migration makes has its line here (a test holds the two together), so that a rebuild leaves none out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProjectedTable:
    """A table whose rows follow from events.

    `key`: the columns that name a row, none of them nullable; empty where one is. `is_republished`: each row is told of
    by the topics themselves, so that one which they tell of no more is a loss; the other tables follow from these.
    `record`: the column with the id of the deal, contact or activity whose events alone change a row, where there is
    one.
    `lookups`: indexes beside the unique ones by which the projection itself finds rows.
    """

    name: str
    key: Sequence[str] = ()
    is_republished: bool = False
    lookups: Sequence[str] = ()
    record: str | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """What one consumer group makes. `gates`: the tables that each of its transactions writes before any other."""

    group_id: str
    gates: Sequence[str]
    tables: Sequence[ProjectedTable]


PROJECTIONS: Final = (
    Projection(
        "reporting.directory",
        ("directory_tenants", "directory_users"),
        (
            ProjectedTable("directory_tenants", ("tenant_id",), is_republished=True),
            ProjectedTable(
                "directory_users", ("tenant_id", "id"), is_republished=True, lookups=("directory_users_by_manager",)
            ),
            ProjectedTable("visible_owners", ("tenant_id", "viewer_id", "owner_id")),
        ),
    ),
    Projection(
        "reporting.pipelines",
        ("pipelines",),
        (
            ProjectedTable("pipelines", ("tenant_id", "id"), is_republished=True),
            ProjectedTable("stages", ("tenant_id", "id"), is_republished=True, lookups=("stages_by_pipeline",)),
            ProjectedTable("stage_versions", ("tenant_id", "pipeline_id", "version", "stage_id"), is_republished=True),
        ),
    ),
    Projection(
        "reporting.contacts",
        ("contacts",),
        (
            ProjectedTable("contacts", ("tenant_id", "id"), is_republished=True, record="id"),
            ProjectedTable(
                "contact_shares",
                ("tenant_id", "user_id", "contact_id"),
                lookups=("contact_shares_by_contact",),
                record="contact_id",
            ),
        ),
    ),
    Projection(
        "reporting.deals",
        ("deal_facts",),
        (
            ProjectedTable("deal_facts", ("tenant_id", "deal_id"), is_republished=True, record="deal_id"),
            ProjectedTable("deal_rollup"),
            ProjectedTable("closing_rollup"),
            ProjectedTable("loss_rollup"),
            ProjectedTable(
                "stage_transitions", ("tenant_id", "deal_id", "version"), is_republished=True, record="deal_id"
            ),
            ProjectedTable("stage_stays", ("tenant_id", "deal_id", "version"), record="deal_id"),
            ProjectedTable("stay_rollup"),
            ProjectedTable(
                "stage_conversions",
                ("tenant_id", "deal_id", "from_stage_id", "to_stage_id", "entered_at"),
                record="deal_id",
            ),
            ProjectedTable("deal_versions", ("tenant_id", "deal_id", "version"), is_republished=True, record="deal_id"),
            ProjectedTable("deal_periods", ("tenant_id", "deal_id", "valid_from"), record="deal_id"),
            ProjectedTable("period_rollup"),
            ProjectedTable("forecast_rollup"),
            ProjectedTable("handed_over_wins", ("tenant_id", "deal_id"), record="deal_id"),
        ),
    ),
    Projection(
        "reporting.activities",
        ("activity_facts",),
        (
            ProjectedTable(
                "activity_facts",
                ("tenant_id", "activity_id"),
                is_republished=True,
                lookups=(
                    *("activity_facts_thread", "activity_facts_named"),
                    *("activity_facts_message", "activity_facts_references"),
                ),
                record="activity_id",
            ),
            ProjectedTable("activity_rollup", ("tenant_id", "done_day", "user_id")),
            ProjectedTable(
                "email_contacts",
                ("tenant_id", "email_id", "contact_id"),
                lookups=("email_contacts_stream",),
                record="email_id",
            ),
            ProjectedTable("received_emails", ("tenant_id", "email_id"), lookups=("received_emails_by_reply",)),
            ProjectedTable("sent_emails", ("tenant_id", "email_id"), lookups=("sent_emails_by_answer",)),
        ),
    ),
)

PROGRESS: Final = ProjectedTable("source_progress", ("tenant_id", "topic"))
"""How far each source has come. Every consumer writes it, last of all, and it only goes on."""

OWN_TABLES: Final = ("exchange_rates", "quotas")
"""What users tell this service itself: no topic has it, and no rebuild touches it."""


def list_tables() -> Iterator[ProjectedTable]:
    """Yield all projected tables, in the order in which they are written."""
    for projection in PROJECTIONS:
        yield from projection.tables
    yield PROGRESS


def list_gates() -> list[str]:
    """Name the tables that keep every consumer out while they are locked."""
    return [gate for projection in PROJECTIONS for gate in projection.gates]
