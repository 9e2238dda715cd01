"""No table holds a moment or a day outside 1900 to 2200, infinity least of all."""

from crm_shared.database.time_range_checks import build_range_checks

revision = "0011"
down_revision = "0010"

WALLS = {
    "companies": ("created_at", "updated_at", "deleted_at"),
    "contacts": ("created_at", "updated_at", "deleted_at", "erased_at"),
    "company_tags": ("created_at",),
    "contact_tags": ("created_at",),
    "custom_fields": ("created_at", "updated_at", "deleted_at"),
    "directory_tenants": ("created_at", "updated_at"),
    "directory_users": ("created_at", "updated_at"),
    "duplicate_candidates": ("found_at", "decided_at"),
    "erasure_echoes": ("erased_at",),
    "idempotency_keys": ("created_at",),
    "import_chunks": ("written_at", "reverted_at"),
    "import_pieces": ("stored_at",),
    "imports": ("created_at", "updated_at", "started_at", "finished_at"),
    "merges": ("merged_at", "undone_at"),
    "record_changes": ("changed_at",),
}


def upgrade() -> None:
    build_range_checks(WALLS)
