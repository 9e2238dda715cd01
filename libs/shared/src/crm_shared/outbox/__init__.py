"""The outbox: events are published in the command's own transaction, and a relay brings them to Kafka."""

from crm_shared.outbox.schema import OUTBOX_DDL
from crm_shared.outbox.wakeup import WAKE_RELAY_DDL

__all__ = ["OUTBOX_DDL", "WAKE_RELAY_DDL"]
