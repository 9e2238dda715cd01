"""What this service keeps of others' records: `crm-deals repair` compares it with their owners."""

from collections.abc import Sequence

from crm_deals import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import ProjectedRows, list_replicas, opening


def list_projected(database: Database) -> Sequence[ProjectedRows]:
    times = consumers.keep_activity_times.bind(database).handler
    return [
        *list_replicas(consumers.keep_replicas.bind(database).handler, "contact", "company"),
        ProjectedRows("activity", "deal_activities", "(counts OR is_open)", times, key="activity_id"),
    ]


opening_projections = opening(list_projected)
