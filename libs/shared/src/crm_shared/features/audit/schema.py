"""The table of changes, the same in every service whose records have an audit."""

from typing import Final

from crm_shared.database.service_roles import with_service_roles

# A row is written once; only an erasure changes it later, and then takes values away.
AUDIT_DDL: Final = """
CREATE TABLE record_changes (
    tenant_id  uuid NOT NULL,
    aggregate  text NOT NULL,
    record_id  uuid NOT NULL,
    version    bigint NOT NULL,
    verb       text NOT NULL,
    changed    jsonb,  -- {field: {from, to}}; null at the creation
    actor_id   uuid,   -- null: the system
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, aggregate, record_id, version)
);
ALTER TABLE record_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE record_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON record_changes
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
""" + with_service_roles(
    "the audit",
    """
    EXECUTE 'REVOKE DELETE ON record_changes FROM ' || app || ', ' || worker;
    EXECUTE 'CREATE POLICY worker_sees_all ON record_changes TO ' || worker || ' USING (true) WITH CHECK (true)';
""",
)
