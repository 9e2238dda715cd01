"""What this service keeps of others' records: `crm-reporting repair` compares it with their owners."""

from collections.abc import Sequence

from crm_reporting import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import ProjectedRows, opening

SHOWN = """(NOT is_deleted AND (owner_id IS NOT NULL OR source IS NOT NULL)
             OR EXISTS (SELECT FROM contact_shares s
                         WHERE (s.tenant_id, s.contact_id) = (contacts.tenant_id, contacts.id)))"""


def list_projected(database: Database) -> Sequence[ProjectedRows]:
    """Leave out what shows nothing: deleted records, contacts of which nothing is kept, notes of the system."""
    activities = consumers.keep_activities.bind(database).handler
    return [
        ProjectedRows(
            "deal", "deal_facts", "NOT is_deleted", consumers.project_deals.bind(database).handler, key="deal_id"
        ),
        ProjectedRows("contact", "contacts", SHOWN, consumers.keep_shares.bind(database).handler),
        ProjectedRows("activity", "activity_facts", "NOT is_deleted AND NOT is_system", activities, key="activity_id"),
    ]


opening_projections = opening(list_projected)
