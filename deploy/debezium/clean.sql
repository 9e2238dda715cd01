-- Deletes outbox rows that the connector has brought to Kafka. Run on a schedule (every five minutes, say) as
-- <service>_worker, in the service's database.
--
-- A slot's catalog_xmin never passes a transaction that ended after what the connector has confirmed. So a row written
-- by an earlier transaction is in Kafka, however far behind the connector is. No slot, or a connector that is away or
-- takes its snapshot: nothing is deleted. What is kept for ${CRM_OUTBOX_RETENTION} is sent again if the slot is lost.
DELETE FROM public.outbox AS waiting
 USING pg_replication_slots AS slot
 WHERE slot.slot_name = 'crm_${CRM_SERVICE}_outbox'
   AND slot.database = current_database()
   AND slot.active
   AND age(waiting.xmin) > age(slot.catalog_xmin)
   AND uuid_extract_timestamp(waiting.id) < now() - interval '${CRM_OUTBOX_RETENTION}';
