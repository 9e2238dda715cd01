"""What this service keeps of others' records: `crm-reporting repair` compares it with their owners."""

from collections.abc import Sequence

from crm_reporting import consumers
from crm_shared.database import Database
from crm_shared.replicas.repair import Held, opening

SHARED = """EXISTS (SELECT FROM contact_shares s
                      WHERE (s.tenant_id, s.contact_id) = (contacts.tenant_id, contacts.id))"""


def list_held(database: Database) -> Sequence[Held]:
    """Of contacts only shares are kept; one without any shows nothing."""
    return [
        Held("deal", "deal_facts", "NOT is_deleted", consumers.project_deals.bind(database).handler, key="deal_id"),
        Held("contact", "contacts", SHARED, consumers.keep_shares.bind(database).handler),
    ]


holding = opening(list_held)
