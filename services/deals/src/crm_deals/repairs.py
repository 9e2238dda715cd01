"""What this service keeps of others' records: `crm-deals repair` compares it with their owners."""

from collections.abc import Sequence

from crm_deals import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import Held, hold_replicas, opening


def list_held(database: Database) -> Sequence[Held]:
    times = consumers.keep_activity_times.bind(database).handler
    return [
        *hold_replicas(consumers.keep_replicas.bind(database).handler, "contact", "company"),
        Held("activity", "deal_activities", "(counts OR is_open)", times, key="activity_id"),
    ]


holding = opening(list_held)
