"""What each user is to win in each month."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0005"
down_revision = "0004"

# A quota is a user's and a month's, whoever manages the user now and whether or not they are still there.
QUOTAS = """
    CREATE TABLE quotas (
        tenant_id  uuid NOT NULL,
        id         uuid NOT NULL,
        user_id    uuid NOT NULL,
        first_day  date NOT NULL CONSTRAINT quotas_of_months CHECK (extract(day FROM first_day) = 1),
        amount     numeric NOT NULL CONSTRAINT quotas_finite CHECK (amount >= 0 AND amount < 'Infinity'),
        currency   text NOT NULL,
        version    bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, user_id, first_day)
    );
    CREATE INDEX quotas_by_created ON quotas (tenant_id, created_at, id);
    CREATE INDEX quotas_by_month ON quotas (tenant_id, first_day, id);
    CREATE INDEX quotas_by_user ON quotas (tenant_id, user_id, created_at, id);
"""


def upgrade() -> None:
    op.execute(QUOTAS)
    op.execute(range_check("quotas", ("first_day", "created_at", "updated_at")))
    op.execute(protect("quotas", service="reporting"))
