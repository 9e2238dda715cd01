"""No table holds a moment or a day outside 1900 to 2200, infinity least of all."""

from crm_shared.database.time_range_checks import build_range_checks

revision = "0005"
down_revision = "0004"

WALLS = {
    "directory_tenants": ("created_at", "updated_at"),
    "directory_users": ("created_at", "updated_at"),
    "erased_traces": ("noted_at",),
}


def upgrade() -> None:
    build_range_checks(WALLS)
