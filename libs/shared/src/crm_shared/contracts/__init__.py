"""The event contract: what is on the bus. The public names are these; states, topics and schemas have their modules."""

from crm_shared.contracts.errors import BadRecord
from crm_shared.contracts.event_types import EVENT_TYPES, VERBS, Change, dataschema_of
from crm_shared.contracts.mapping import Actor, Author, EventMapping
from crm_shared.contracts.reading import Event, decode
from crm_shared.contracts.topics import SNAPSHOT
from crm_shared.contracts.writing import OutboxEvent, format_time, new_event, to_headers

__all__ = [
    "EVENT_TYPES",
    "SNAPSHOT",
    "VERBS",
    "Actor",
    "Author",
    "BadRecord",
    "Change",
    "Event",
    "EventMapping",
    "OutboxEvent",
    "dataschema_of",
    "decode",
    "format_time",
    "new_event",
    "to_headers",
]
