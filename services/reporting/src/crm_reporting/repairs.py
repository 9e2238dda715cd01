"""What this service keeps of others' records: `crm-reporting repair` compares it with their owners."""

from collections.abc import Sequence

from crm_reporting import consumers
from crm_shared.database import Database
from crm_shared.replicas.repair import Held, opening

SHOWN = """(source IS NOT NULL AND NOT is_deleted
             OR EXISTS (SELECT FROM contact_shares s
                         WHERE (s.tenant_id, s.contact_id) = (contacts.tenant_id, contacts.id)))"""


def list_held(database: Database) -> Sequence[Held]:
    """Of contacts source and shares are kept: one with neither shows nothing, and owners show no deleted ones."""
    return [
        Held("deal", "deal_facts", "NOT is_deleted", consumers.project_deals.bind(database).handler, key="deal_id"),
        Held("contact", "contacts", SHOWN, consumers.keep_shares.bind(database).handler),
    ]


holding = opening(list_held)
