"""No table holds a moment or a day outside 1900 to 2200, infinity least of all, nor an amount that is no number."""

from alembic import op

from crm_shared.database.time_range_checks import build_range_checks

revision = "0011"
down_revision = "0010"

WALLS = {
    "deals": ("close_date", "stage_changed_at", "closed_at", "created_at", "updated_at", "deleted_at"),
    "deal_stage_history": ("changed_at",),
    "record_changes": ("changed_at",),
    "deal_activities": ("occurred_at",),
    "pipelines": ("created_at", "updated_at"),
    "custom_fields": ("created_at", "updated_at", "deleted_at"),
    "directory_tenants": ("created_at", "updated_at"),
    "directory_users": ("created_at", "updated_at"),
    "idempotency_keys": ("created_at",),
    "webhooks": ("created_at", "updated_at", "previous_secret_until", "disabled_at", "failing_since"),
    "webhook_deliveries": (
        "told_at",
        "created_at",
        "first_attempt_at",
        "last_attempt_at",
        "next_attempt_at",
        "delivered_at",
    ),
    "webhook_lanes": ("next_attempt_at",),
}

# PostgreSQL holds NaN to be greater than Infinity, so one comparison keeps both out. No door has ever taken either, so
# nothing has to be mended, and old rows need not be read: the sums are kept from what is written from now on.
FINITE = """
    ALTER TABLE deals ADD CONSTRAINT deals_finite CHECK (abs(amount) < 'Infinity') NOT VALID;
    ALTER TABLE stage_totals ADD CONSTRAINT stage_totals_finite CHECK (abs(total) < 'Infinity') NOT VALID;
    ALTER TABLE stage_total_changes ADD CONSTRAINT stage_total_changes_finite
      CHECK (abs(total) < 'Infinity') NOT VALID;
"""


def upgrade() -> None:
    build_range_checks(WALLS, published=("deals",))
    op.execute(FINITE)
