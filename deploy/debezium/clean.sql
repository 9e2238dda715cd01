-- Deletes outbox rows that the connector has brought to Kafka. Run it on a schedule (hourly, say), as one statement
-- outside any transaction, as <service>_worker in the service's database. It fails, with nothing deleted, when the
-- connector is away or confirms nothing for five minutes.
--
-- Rows are in Kafka once the connector has confirmed a place in the log that lies after their commits. It must be the
-- same connection all the while: a slot made anew begins at a place that says nothing of the rows before it.
DO $$
DECLARE
    ended    xid8    := pg_snapshot_xmin(pg_current_snapshot()); -- what is older had ended before `place`
    place    pg_lsn  := pg_current_wal_insert_lsn();
    streamer integer := (SELECT active_pid FROM pg_replication_slots
                          WHERE slot_name = 'crm_${CRM_SERVICE}_outbox' AND database = current_database());
    state    record;
BEGIN
    FOR attempt IN 1..300 LOOP
        SELECT active_pid, confirmed_flush_lsn INTO state
          FROM pg_replication_slots WHERE slot_name = 'crm_${CRM_SERVICE}_outbox';
        IF streamer IS NULL OR state.active_pid IS DISTINCT FROM streamer THEN
            RAISE EXCEPTION 'the connector of crm_${CRM_SERVICE}_outbox is away: nothing was deleted';
        END IF;
        IF state.confirmed_flush_lsn > place THEN
            DELETE FROM public.outbox
             WHERE age(xmin) > age(ended::xid)
               AND uuid_extract_timestamp(id) < clock_timestamp() - interval '${CRM_OUTBOX_RETENTION}';
            RETURN;
        END IF;
        PERFORM pg_sleep(1);
        COMMIT; -- waiting must not hold back vacuum
    END LOOP;
    RAISE EXCEPTION 'the connector of crm_${CRM_SERVICE}_outbox confirms nothing: nothing was deleted';
END $$;
