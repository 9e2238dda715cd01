"""What stands for an e-mail's Message-ID where the id itself is kept by nobody, or not for ever. Pure."""

from hashlib import sha256
from typing import Final
from uuid import UUID

AROUND: Final = " <>"
"""What stands around a message id and is no part of it."""


def to_key(tenant_id: UUID, message_id: str) -> UUID:
    """Return the key of a message id, with its angle brackets or without, case kept.

    As the database's `message_key` in activities has it. It may stay when the id itself is erased, so it is a digest,
    and the tenant's own: nobody finds one person's mail in two tenants by it.
    """
    return UUID(bytes=sha256(f"{tenant_id}{message_id.strip(AROUND)}".encode()).digest()[:16])
