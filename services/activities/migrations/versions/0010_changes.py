"""Who changed what of an activity and when; which of those with one external id goes by it."""

from alembic import op

from crm_shared.database.time_range_checks import range_check
from crm_shared.features.audit import AUDIT_DDL

revision = "0010"
down_revision = "0009"

# The default is the catalogue's: no row is written. Whoever gets another external id is repeated no more.
REPEATED = """
    ALTER TABLE activities ADD COLUMN external_id_repeated boolean NOT NULL DEFAULT false;

    CREATE FUNCTION forget_repetition() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.external_id_repeated := false;
        RETURN NEW;
    END $$;

    CREATE TRIGGER activities_external_id_given BEFORE UPDATE ON activities
       FOR EACH ROW WHEN (OLD.external_id_repeated AND NEW.external_id IS DISTINCT FROM OLD.external_id)
       EXECUTE FUNCTION forget_repetition();
"""


def upgrade() -> None:
    op.execute(AUDIT_DDL)
    op.execute(range_check("record_changes", ("changed_at",)))
    op.execute(REPEATED)
