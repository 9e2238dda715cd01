"""The outbox table, as either relay reads it: the built-in one, or Debezium's Outbox Event Router."""

from typing import Final

from crm_shared.database.service_roles import with_service_roles

# `position` is the order of sending. It comes from a sequence, so a lower one may commit after a higher one: a relay
# must never remember how far it got. Header columns are text or bigint, since Debezium copies them as they are.
# Every row is deleted within milliseconds. Without its own settings vacuum would come after 20 % of an (empty) table
# at a throttled pace, and the relay would step over dead rows at the front of the index meanwhile.
OUTBOX_DDL: Final = """
CREATE TABLE outbox (
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid   NOT NULL,
    aggregatetype text   NOT NULL,
    aggregateid   text   NOT NULL,
    type          text   NOT NULL,
    payload       bytea  NOT NULL,
    tenantid      text   NOT NULL,
    sequence      bigint NOT NULL,
    source        text   NOT NULL,
    dataschema    text   NOT NULL,
    specversion   text   NOT NULL DEFAULT '1.0',
    contenttype   text   NOT NULL DEFAULT 'application/json',
    occurredat    text   NOT NULL,
    traceparent   text
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_cost_delay = 0
);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON outbox
    USING (tenantid = NULLIF(current_setting('crm.tenant_id', true), ''));
""" + with_service_roles(
    "the outbox",
    """
    EXECUTE 'REVOKE ALL ON outbox FROM ' || app || ', ' || worker;
    EXECUTE 'GRANT INSERT ON outbox TO ' || app;
    EXECUTE 'GRANT SELECT, INSERT, DELETE ON outbox TO ' || worker;
    EXECUTE 'CREATE POLICY worker_sees_all ON outbox TO ' || worker || ' USING (true) WITH CHECK (true)';
""",
)
