"""The span of one call of a consumer's handler: it goes on with one record's trace, or is linked to those of many."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from crm_shared.contracts import Event
from crm_shared.telemetry.spans import Span, begin, is_recording


def begin_batch(group_id: str, readable: Sequence[tuple[ConsumerRecord, Event]]) -> Span:
    """Enter the trace of the events, if all are of one, and begin the span of handling them."""
    received = tuple({event.traceparent or "": None for _, event in readable})
    if not is_recording():
        return begin("", "consumer", {}, received)
    topics = {record.topic for record, _ in readable}
    destination = min(topics) if len(topics) == 1 else None
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": group_id,
        "messaging.batch.message_count": len(readable),
    }
    if destination is not None:
        attributes["messaging.destination.name"] = destination
    if len(readable) == 1:
        event = readable[0][1]
        attributes |= {"cloudevents.event_id": str(event.id), "cloudevents.event_type": event.type}
    return begin(f"process {destination or group_id}", "consumer", attributes, received)
