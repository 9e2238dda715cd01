"""The secret of a feed: whose tenant it is of, and 256 random bits. What is kept of it is its hash.

It names the tenant because nobody else does: so it is looked up under that tenant's row-level security, as everything
is, and no role needs a right to look through all tenants. Pure but for the system's randomness.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

RANDOM_BYTES: Final = 32
TENANT_BYTES: Final = 16
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{64}", re.ASCII)
"""48 bytes in URL-safe base64: each text of this form is the only one of its bytes."""


@dataclass(frozen=True, slots=True)
class SecretHash:
    """What is looked up: by `digest`, so that no comparison's time tells of a secret that is there."""

    tenant_id: UUID
    digest: bytes


def make_secret(tenant_id: UUID) -> str:
    return base64.urlsafe_b64encode(tenant_id.bytes + secrets.token_bytes(RANDOM_BYTES)).decode()


def read_secret(secret: str) -> SecretHash | None:
    """Return the hash of a secret, None of what can be none."""
    if not SECRET.fullmatch(secret):
        return None
    tenant_id = UUID(bytes=base64.urlsafe_b64decode(secret)[:TENANT_BYTES])
    return SecretHash(tenant_id, hashlib.sha256(secret.encode()).digest())
