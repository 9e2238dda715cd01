"""A schema for the copy that `crm-reporting rebuild` fills beside the live tables."""

from alembic import op

from crm_shared.database.service_roles import with_service_roles

revision = "0020"
down_revision = "0019"

# The worker's role makes the copy's tables itself, so that they are what the live ones are at that moment. Nobody else
# may look in, so they need no row-level security.
SCHEMA = "CREATE SCHEMA IF NOT EXISTS rebuild;" + with_service_roles(
    "schema rebuild",
    """
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA rebuild TO %s', worker);
""",
)


def upgrade() -> None:
    op.execute(SCHEMA)
