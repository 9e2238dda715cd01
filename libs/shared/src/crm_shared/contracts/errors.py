"""What the bus calls a bad record: one that will never be readable, however often it is tried."""


class BadRecord(Exception):
    """The record breaks the event contract; it is dead-lettered and the next one goes on.

    `reason` names the header or field at fault and never quotes its value, which may be personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
