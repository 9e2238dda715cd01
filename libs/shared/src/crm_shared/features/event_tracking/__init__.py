"""The way of one event: outbox, topic, consumer groups, dead letters, and what came of it. `crm why`."""

MOST_RECORDS = 200_000
EVENT_HELP = "`ce_id` on the bus, `id` of a webhook's body"
MOST_HELP = "the most records to read on topics and among dead letters; 0: to their ends"
RECORD_HELP = "id of the record that it tells of: of each topic one partition is read then"
JSON_HELP = "print JSON"
