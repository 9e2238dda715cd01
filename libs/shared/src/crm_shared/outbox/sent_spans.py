"""The spans of what the relay sent: one for each trace of a batch, as a child of the request that wrote its rows."""

from collections import Counter

from crm_shared.outbox.batches import Sent, SentBatch
from crm_shared.telemetry.spans import add, is_recording


def record_sent(sent: Sent) -> None:
    """Add what Kafka has acknowledged or refused by now to the traces that the rows are of."""
    if is_recording():
        for batch in sent.batches:
            _record_batch(batch, None if batch.error is None else type(batch.error).__name__)


def _record_batch(batch: SentBatch, error_type: str | None) -> None:
    for traceparent, row_count in Counter(batch.traceparents).items():
        if traceparent is None:
            continue
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": batch.topic,
            "messaging.destination.partition.id": str(batch.partition),
            "messaging.batch.message_count": row_count,
        }
        add(
            f"send {batch.topic}",
            "producer",
            attributes,
            received=traceparent,
            began_ns=batch.began_ns,
            error_type=error_type,
        )
