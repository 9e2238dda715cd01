"""The buckets that a deal's difference between two moments goes into. No I/O."""

from enum import StrEnum
from typing import Final


class Bucket(StrEnum):
    """In the order in which they are asked: a deal that came or went is in the first that fits."""

    CREATED = "created"
    RESTORED = "restored"
    REOPENED = "reopened"
    MOVED_IN = "moved_in"
    WON = "won"
    LOST = "lost"
    DELETED = "deleted"
    MOVED_OUT = "moved_out"
    INCREASED = "increased"
    DECREASED = "decreased"
    FX = "fx"


CAME: Final = frozenset({Bucket.CREATED, Bucket.RESTORED, Bucket.REOPENED, Bucket.MOVED_IN})
WENT: Final = frozenset({Bucket.WON, Bucket.LOST, Bucket.DELETED, Bucket.MOVED_OUT})
CHANGED: Final = frozenset({Bucket.INCREASED, Bucket.DECREASED})

KEPT: Final = "kept"
"""What SQL calls a deal that was open at both ends and worth the same at the rates of the start."""
