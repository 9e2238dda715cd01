"""How much a tenant may have waiting. Counted over what is stored, uploads under way included, one at a time."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.refusals import InvalidField, RateLimited

# Uploads of one tenant are counted one after another: two that both fit must not both come in where one does.
LOCK_UPLOADS: Final = "SELECT pg_advisory_xact_lock(hashtextextended('uploads ' || $1::uuid, 0))"

# A piece's length is read without the piece: it lies apart, uncompressed.
COUNT_OTHERS: Final = """
    SELECT count(DISTINCT p.import_id) FILTER (WHERE p.import_id <> $2) AS files,
           coalesce(sum(octet_length(p.data)), 0)::bigint AS bytes
      FROM import_pieces p
     WHERE p.tenant_id = $1
"""


class TooManyImports(RateLimited):
    slug, title = "too-many-imports", "Too many imports of your organisation wait or are at work"
    retry_after_s = 60


class TooManyImportBytes(RateLimited):
    slug, title = "too-many-import-bytes", "The files of your organisation that wait to be imported are too large"
    retry_after_s = 60


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """`lines` and `bytes` of one file; `tenant_files` and `tenant_bytes` of all that a tenant has waiting."""

    bytes: int
    lines: int
    tenant_files: int
    tenant_bytes: int

    @classmethod
    def of(cls, settings: ImportSettings) -> "UploadLimits":
        return cls(
            bytes=settings.import_max_bytes,
            lines=settings.import_max_lines,
            tenant_files=settings.import_tenant_files,
            tenant_bytes=settings.import_tenant_bytes,
        )

    def require_lines(self, count: int) -> None:
        """Raise InvalidField at /file for a file of more lines than one may have."""
        if count > self.lines:
            raise InvalidField.at("/file", f"has more than {self.lines:,} lines (import_max_lines); part it")

    async def require_room(self, transaction: Transaction, tenant_id: UUID, import_id: UUID, piece_bytes: int) -> None:
        """Let the next piece of a file in, or raise TooManyImports, TooManyImportBytes. Locks till the commit."""
        await transaction.execute(LOCK_UPLOADS, tenant_id)
        waiting = await transaction.fetchrow(COUNT_OTHERS, tenant_id, import_id)
        if waiting is None:
            return
        if waiting["files"] >= self.tenant_files:
            raise TooManyImports(
                f"At most {self.tenant_files} imports of a tenant may wait or be at work (import_tenant_files)."
                " Come again when one has ended."
            )
        if waiting["bytes"] + piece_bytes > self.tenant_bytes:
            raise TooManyImportBytes(
                f"At most {self.tenant_bytes:,} bytes of a tenant may wait to be imported (import_tenant_bytes)."
                " Come again when an import has ended."
            )
