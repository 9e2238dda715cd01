"""The replica table, the same in every service that refers to other services' records."""

from typing import Final

from crm_shared.database.rls import protect


def replica_ddl(service: str) -> str:
    """Give the SQL for the first migration of `service`."""
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


# For databases whose first migration came before it.
ADD_MERGED_INTO: Final = """
    ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS merged_into uuid;
    CREATE INDEX replica_records_by_merged ON replica_records (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
"""
