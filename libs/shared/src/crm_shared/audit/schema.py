"""The table of changes, the same in every service whose records have an audit."""

from typing import Final

# The migration runs as `<service>_owner`, and that name gives the other two roles theirs. A row is written once;
# only an erasure changes it later, and then takes values away.
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

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app     text := quote_ident(service || '_app');
    worker  text := quote_ident(service || '_worker');
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'the audit is created by the role <service>_owner, not by %', current_user;
    END IF;
    EXECUTE 'REVOKE DELETE ON record_changes FROM ' || app || ', ' || worker;
    EXECUTE 'CREATE POLICY worker_sees_all ON record_changes TO ' || worker || ' USING (true) WITH CHECK (true)';
END $$;
"""
