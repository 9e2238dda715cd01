"""What a comparison of rows and documents counts, and its sums. No I/O."""

import hashlib
from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

KINDS: Final = ("missing", "stale", "left_over", "foreign")
"""No document of a row; one of another revision, form or text; one that no row asks for; one at another's address."""


@dataclass(slots=True)
class Counts:
    """What a comparison has seen. Checksums are over (id, revision), so equal ones mean equal sets.

    `waiting`: rows that were written all the while, or wait to be. `refused`: rows that the index would not have.
    """

    rows: int = 0
    documents: int = 0
    row_checksum: int = 0
    document_checksum: int = 0
    missing: int = 0
    stale: int = 0
    left_over: int = 0
    foreign: int = 0
    waiting: int = 0
    refused: int = 0
    healed: int = 0

    @property
    def differences(self) -> int:
        return self.missing + self.stale + self.left_over + self.foreign

    def add(self, other: "Counts") -> None:
        for one in fields(self):
            total = getattr(self, one.name) + getattr(other, one.name)
            setattr(self, one.name, wrap(total) if one.name.endswith("checksum") else total)

    def to_dict(self) -> dict[str, int]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def describe(self, tenant_id: UUID, record_type: str) -> str:
        """Say in a line what differs."""
        kinds = ", ".join(f"{getattr(self, kind)} {kind.replace('_', ' ')}" for kind in KINDS if getattr(self, kind))
        rows, documents = f"{self.rows} rows {self.row_checksum:014x}", f"{self.documents} documents"
        found = f"{rows}, {documents} {self.document_checksum:014x}"
        return f"tenant {tenant_id}: {record_type}: {kinds or 'nothing differs'} ({found})"


def hash_revision(record_id: UUID, revision: int) -> int:
    """Return what one record adds to a checksum."""
    return int.from_bytes(hashlib.blake2b(record_id.bytes + revision.to_bytes(8), digest_size=8).digest())


def wrap(checksum: int) -> int:
    """Keep a checksum within what PostgreSQL's numbers and JSON's hold alike."""
    return checksum & (1 << 53) - 1
