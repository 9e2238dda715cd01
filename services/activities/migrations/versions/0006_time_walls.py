"""No table holds a moment or a day outside 1900 to 2200, infinity least of all."""

from crm_shared.database.time_range_checks import build_range_checks

revision = "0006"
down_revision = "0005"

WALLS = {
    "activities": (
        "occurred_at",
        "scheduled_at",
        "completed_at",
        "created_at",
        "updated_at",
        "deleted_at",
        "erased_at",
    ),
    "directory_tenants": ("created_at", "updated_at"),
    "directory_users": ("created_at", "updated_at"),
    "erasure_echoes": ("erased_at",),
    "idempotency_keys": ("created_at",),
}


def upgrade() -> None:
    build_range_checks(WALLS, published=("activities",))
