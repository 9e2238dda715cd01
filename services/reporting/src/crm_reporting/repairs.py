"""What this service keeps of others' records: `crm-reporting repair` compares it with their owners."""

from collections.abc import Sequence

from crm_reporting import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import Held, opening

SHOWN = """(NOT is_deleted AND (owner_id IS NOT NULL OR source IS NOT NULL)
             OR EXISTS (SELECT FROM contact_shares s
                         WHERE (s.tenant_id, s.contact_id) = (contacts.tenant_id, contacts.id)))"""


def list_held(database: Database) -> Sequence[Held]:
    """Leave out what shows nothing: deleted records, contacts of which nothing is kept, notes of the system."""
    activities = consumers.keep_activities.bind(database).handler
    return [
        Held("deal", "deal_facts", "NOT is_deleted", consumers.project_deals.bind(database).handler, key="deal_id"),
        Held("contact", "contacts", SHOWN, consumers.keep_shares.bind(database).handler),
        Held("activity", "activity_facts", "NOT is_deleted AND NOT is_system", activities, key="activity_id"),
    ]


holding = opening(list_held)
