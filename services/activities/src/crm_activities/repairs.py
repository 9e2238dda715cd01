"""What this service keeps of others' records: `crm-activities repair` compares it with their owners."""

from collections.abc import Sequence

from crm_activities import consumers
from crm_shared.database import Database
from crm_shared.features.replicas.repair import ProjectedRows, list_replicas, opening


def list_projected(database: Database) -> Sequence[ProjectedRows]:
    return list_replicas(consumers.keep_replicas.bind(database).handler, "contact", "company", "deal")


opening_projections = opening(list_projected)
