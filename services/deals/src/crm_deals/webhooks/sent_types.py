"""What a webhook may ask for: events of deals and pipelines, and of activities, which another service tells of."""

from crm_shared.contracts.event_types import EVENT_TYPES
from crm_shared.contracts.topics import SNAPSHOT

SENT_AGGREGATES = ("deal", "pipeline", "activity")
SENT_TYPES = frozenset(
    event_type
    for event_type in EVENT_TYPES
    if event_type.split(".")[1] in SENT_AGGREGATES and not event_type.endswith(f".{SNAPSHOT}")
)
