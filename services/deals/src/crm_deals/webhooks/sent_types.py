"""What a webhook may ask for: the events of this service's own records."""

from crm_shared.contracts.event_types import EVENT_TYPES, SNAPSHOT

SENT_AGGREGATES = ("deal", "pipeline")
SENT_TYPES = frozenset(
    event_type
    for event_type in EVENT_TYPES
    if event_type.split(".")[1] in SENT_AGGREGATES and not event_type.endswith(f".{SNAPSHOT}")
)
