"""One at a time: a lock that the programs which we start hold as well, for as long as they run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Busy(Exception):
    """Somebody else is at it."""


@contextmanager
def locked(file: Path, *, refusal: str) -> Iterator[int]:
    """Hold `file` alone; yield its descriptor, for the programs that are to hold it too. Raises Busy.

    The system lets go of it once the last of them has ended, however that was.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(refusal) from None
        yield descriptor
    finally:
        os.close(descriptor)
