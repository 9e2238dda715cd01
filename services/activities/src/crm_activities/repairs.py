"""What this service keeps of others' records: `crm-activities repair` compares it with their owners."""

from collections.abc import Sequence

from crm_activities import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import Held, hold_replicas, opening


def list_held(database: Database) -> Sequence[Held]:
    return hold_replicas(consumers.keep_replicas.bind(database).handler, "contact", "company", "deal")


holding = opening(list_held)
