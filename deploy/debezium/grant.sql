-- What the connector needs in a publishing service's database. Run there as an administrator, after `migrate`; safe to
-- run again. The role's password is set apart from this, so that it is in no file and no log.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${CRM_SERVICE}_cdc') THEN
        CREATE ROLE ${CRM_SERVICE}_cdc;
    END IF;
    ALTER ROLE ${CRM_SERVICE}_cdc LOGIN REPLICATION NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ${CRM_SERVICE}_cdc', current_database());
    -- Decoding reads the log, which no policy binds; a snapshot is a SELECT, and sees what this lets it see.
    GRANT USAGE ON SCHEMA public TO ${CRM_SERVICE}_cdc;
    GRANT SELECT ON public.outbox TO ${CRM_SERVICE}_cdc;
    DROP POLICY IF EXISTS cdc_sees_all ON public.outbox;
    CREATE POLICY cdc_sees_all ON public.outbox FOR SELECT TO ${CRM_SERVICE}_cdc USING (true);
    -- Inserts alone: what is cleaned away later is nobody's event.
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'crm_outbox') THEN
        -- Of what was written without it a slot of before would never tell. The connector, which must be stopped, makes
        -- another and begins with what is in the outbox.
        PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots
          WHERE slot_name = 'crm_${CRM_SERVICE}_outbox' AND database = current_database();
        CREATE PUBLICATION crm_outbox FOR TABLE public.outbox WITH (publish = 'insert');
    END IF;
END $$;
