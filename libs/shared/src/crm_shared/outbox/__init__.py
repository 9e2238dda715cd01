"""The outbox: events are appended in the command's own transaction, and a relay brings them to Kafka."""

from crm_shared.outbox.append import append
from crm_shared.outbox.schema import OUTBOX_DDL

__all__ = ["OUTBOX_DDL", "append"]
