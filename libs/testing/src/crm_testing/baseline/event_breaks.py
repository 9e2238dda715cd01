"""Old consumers on new events, and new consumers on old ones."""

import json
from collections.abc import Iterator, Sequence

from jsonschema import Draft7Validator

from crm_shared.contracts import BadRecord, decode
from crm_shared.contracts.compatibility import find_breaks, find_lost_types
from crm_shared.contracts.states import STATE_MODELS
from crm_testing.baseline.folder import Shape


def list_event_breaks(released: Shape, present: Shape) -> Iterator[str]:
    """Yield what the present schemas break of the released ones. Both by event type."""
    yield from (f"{event_type}: no longer published" for event_type in find_lost_types(released, present))
    for event_type in sorted(released.keys() & present.keys()):
        yield from (f"{event_type}{line}" for line in find_breaks(released[event_type], present[event_type]))


def list_unreadable_by_old(schemas: Shape, examples: Shape) -> Iterator[str]:
    """Yield what consumers of the released `schemas` find wrong with this tree's `examples`."""
    for event_type in sorted(schemas.keys() & examples.keys()):
        for error in Draft7Validator(schemas[event_type]).iter_errors(examples[event_type]["value"]):
            yield f"{event_type}: old readers refuse {'/'.join(map(str, error.absolute_path))}: {error.message}"


def list_unreadable_by_new(examples: Shape) -> Iterator[str]:
    """Yield what this tree's consumers find wrong with the events of the release."""
    for event_type, example in sorted(examples.items()):
        key, headers = example["key"].encode(), to_bytes(example["headers"])
        try:
            event = decode(key, json.dumps(example["value"]).encode(), headers, topic=f"crm.{event_type.split('.')[1]}")
            event.read(STATE_MODELS[event.aggregate])
            event.read_history()
        except BadRecord as error:
            yield f"{event_type}: new readers refuse it: {error}"


def to_bytes(headers: Shape) -> Sequence[tuple[str, bytes]]:
    return [(name, str(value).encode()) for name, value in headers.items()]
