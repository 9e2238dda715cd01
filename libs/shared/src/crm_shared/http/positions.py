"""`Crm-Position`: what a write made true, as a token that search can wait for.

A token names the aggregate and its version. That is enough, as every projection knows the version it holds, and
unlike a topic offset it is known at commit, before any relay has run.
"""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from crm_shared.refusals import InvalidField

HEADER = "Crm-Position"
NOTHING = "nothing"
"""In the place of an aggregate. Search waits for none that it does not keep."""
MAX_VERSION = 2**63 - 1  # PostgreSQL's bigint


@dataclass(frozen=True, slots=True)
class Position:
    aggregate: str
    aggregate_id: UUID
    version: int


def to_token(positions: list[Position]) -> str:
    """Write positions as one opaque token, fit for a header and a query string."""
    text = ",".join(f"{p.aggregate}:{p.aggregate_id.hex}:{p.version}" for p in positions)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def name_nothing(tenant_id: UUID) -> str:
    """Write the token of what changes nothing that another service shows: whoever waits for it goes on at once."""
    return to_token([Position(NOTHING, tenant_id, 0)])


def _to_version(text: str) -> int:
    version = int(text)
    if not 0 <= version <= MAX_VERSION:
        raise ValueError("no version of a record")
    return version


def from_token(token: str) -> list[Position]:
    """Read a token back. Raises InvalidField naming `?after`."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        parts = [entry.split(":") for entry in text.split(",")]
        return [Position(aggregate, UUID(hex=key), _to_version(version)) for aggregate, key, version in parts]
    except (binascii.Error, ValueError):
        raise InvalidField.at("?after", "is not a Crm-Position of ours") from None
