"""What a caller may do with a contact: by owning it, or by a share."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from crm_shared.refusals import Forbidden


class Right(StrEnum):
    """Each holds what the one before it does.

    GOVERN is the owner's, their managers' and an ADMIN's: deleting, restoring, merging, sharing, changing the owner.
    """

    READ = "READ"
    WRITE = "WRITE"
    GOVERN = "GOVERN"


_RANKS: Final = tuple(Right)

REASONS: Final = {
    Right.WRITE: "The contact is shared with you to read, not to change.",
    Right.GOVERN: "Only the contact's owner, their managers and an ADMIN may do this.",
}


def find_right(shares: Sequence[Mapping[str, Any]], user_id: UUID, *, governs: bool) -> Right | None:
    """Return the highest right of a user: by `governs` or by a share, None without either. `shares`: a contact's."""
    if governs:
        return Right.GOVERN
    for share in shares:
        if str(share["user_id"]) == str(user_id):
            return Right(share["permission"])
    return None


def require_right(held: Right, needed: Right) -> None:
    """Raise Forbidden unless `held` covers `needed`."""
    if _RANKS.index(held) < _RANKS.index(needed):
        raise Forbidden(REASONS[needed])
