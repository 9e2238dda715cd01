"""`crm-<service> why`: its arguments read, what was found printed, and the status that it ends with."""

import logging
from uuid import UUID

import typer
from aiokafka import TopicPartition

from crm_shared.features.event_tracking.looking import Service, Wanted, look
from crm_shared.features.event_tracking.parts import PARTS, is_found, written_at
from crm_shared.features.event_tracking.table import print_parts

WRONG_USAGE = 2


def read_event_id(text: str) -> UUID:
    """Read an event's id. Raises ValueError with what is wrong."""
    try:
        event_id = UUID(text)
    except ValueError:
        raise ValueError(f"{text!r} is no id: 8-4-4-4-12 hexadecimal digits") from None
    written_at(event_id)
    return event_id


def read_wanted(event_id: str, record: str, most: int, *, at: str = "", is_own_alone: bool = False) -> Wanted:
    """Read what was asked for. Ends with status 2 where it can't be."""
    try:
        record_id = UUID(record) if record else None
        place, offset = _read_place(at) if at else (None, 0)
        return Wanted(read_event_id(event_id), record_id, place, offset, most, is_own_alone)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_USAGE) from None


def _read_place(text: str) -> tuple[TopicPartition, int]:
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise ValueError(f"{text!r} is no place: topic/partition/offset")
    return TopicPartition(topic, int(partition)), int(offset)


async def tell_why(service: Service, wanted: Wanted, *, as_json: bool) -> None:
    """Print what the service knows of the event. Ends with status 1 where it was not found."""
    # What does not answer is part of the answer. In the log, on stdout, it would be a line that is not.
    logging.disable(logging.CRITICAL)
    part = await look(service, wanted, lambda line: typer.echo(f"{service.name}: {line}", err=True))
    if as_json:
        typer.echo(PARTS.dump_json([part]).decode())
    else:
        print_parts(wanted.event_id, [part])
    if not is_found([part]):
        raise typer.Exit(1)
