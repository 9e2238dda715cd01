"""What the bus calls a bad record: one that will never be readable, however often it is tried."""

from pydantic import ValidationError


class BadRecord(Exception):
    """The record breaks the event contract; it is dead-lettered and the next one goes on.

    `reason` names the header or field at fault and never quotes its value, which may be personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def describe(error: ValidationError, root: str) -> str:
    """Say where and why without the values, which may be personal data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join([root, *(str(part) for part in first["loc"])])
    return f"field {place}: {first['msg']}"
