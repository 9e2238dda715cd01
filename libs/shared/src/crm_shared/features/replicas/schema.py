"""The replica table, the same in every service that refers to other services' records."""

from typing import Final

from crm_shared.database.rls import protect


def replica_ddl(service: str) -> str:
    """Return the SQL for the first migration of `service`."""
    return """
        CREATE TABLE replica_records (
            tenant_id  uuid NOT NULL,
            aggregate  text NOT NULL CHECK (aggregate IN ('contact', 'company', 'deal')),
            id         uuid NOT NULL,
            version    bigint NOT NULL,
            name       text NOT NULL,
            owner_id   uuid,
            company_id uuid,
            contact_id uuid,
            is_deleted boolean NOT NULL,
            merged_into uuid,
            PRIMARY KEY (tenant_id, aggregate, id)
        );
        CREATE INDEX replica_records_by_owner ON replica_records (tenant_id, aggregate, owner_id);
    """ + protect("replica_records", service=service)


# For databases whose first migration came before them.
ADD_MERGED_INTO: Final = """
    ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS merged_into uuid;
    CREATE INDEX replica_records_by_merged ON replica_records (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
"""

ADD_KEYS: Final = """
    ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS address text, ADD COLUMN IF NOT EXISTS external_id text;
"""
"""What files name contacts and companies by. Rows get it with the next that is told of them, or by `republish`."""

ADD_NAME_KEY: Final = "ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS name_key text"
"""A name without its letters' case, for services that have `fold_case`; rows get it as they get the other keys."""

NAME_KEY_INDEX: Final = (
    "replica_records_by_name_key",
    "replica_records (tenant_id, aggregate, name_key) WHERE NOT is_deleted AND name_key IS NOT NULL",
)
DROP_NAME_INDEX: Final = "DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name"
"""Names are compared without their letters' case since."""

KEY_INDEXES: Final = {
    "replica_records_by_address": "replica_records (tenant_id, aggregate, address) WHERE address IS NOT NULL",
    "replica_records_by_external_id": (
        "replica_records (tenant_id, aggregate, external_id) WHERE external_id IS NOT NULL"
    ),
    "replica_records_by_name": "replica_records (tenant_id, aggregate, name) WHERE NOT is_deleted",
}
"""For services that look for them so; to be built while others write."""
