"""Keeps an uploaded file where every worker can read it: in PostgreSQL, piece by piece as it arrives."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, cast
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.features.imports import repository
from crm_shared.features.imports.encodings import EncodingDetector
from crm_shared.features.imports.intake.limits import UploadLimits
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.http.context import RequestContext
from crm_shared.http.uploads import FileSink, UploadRoute


class StoredFile:
    """One file on its way into `import_pieces`, a transaction for each piece: an upload may take minutes.

    `beginning` is its first piece, for the header; `encoding` is found while the rest goes by.
    """

    def __init__(self, database: Database, tenant_id: UUID, limits: UploadLimits) -> None:
        self.import_id = new_id()
        self.beginning = b""
        self.encoding = EncodingDetector()
        self._database = database
        self._tenant_id = tenant_id
        self._limits = limits
        self._count = 0
        self._line_ends = {b"\n": 0, b"\r": 0}

    async def store(self, piece: bytes) -> None:
        if self._count == 0:
            self.beginning = piece
        await asyncio.to_thread(self.encoding.feed, piece)  # of wrong bytes alone it takes what the loop can't spare
        for mark in self._line_ends:  # in UTF-16 too: a few letters' halves look so as well
            self._line_ends[mark] += piece.count(mark)
        self._limits.require_lines(max(self._line_ends.values()))
        async with self._database.begin(self._tenant_id) as transaction:
            await self._limits.require_room(transaction, self._tenant_id, self.import_id, len(piece))
            await repository.store_piece(transaction, self._tenant_id, self.import_id, self._count, piece)
        self._count += 1

    async def discard(self) -> None:
        if self._count:
            async with self._database.begin(self._tenant_id) as transaction:
                await repository.delete_pieces(transaction, self._tenant_id, self.import_id)
            self._count = 0


class ImportRoute(UploadRoute):
    text_fields: ClassVar[Sequence[str]] = (
        "entity_type", "mode", "id_property", "dry_run", "mapping", "encoding", "delimiter", "date_format",
        "decimal_mark", "value_separator", "match_by", "on_missing_company",
    )  # fmt: skip

    @classmethod
    def open_sink(cls, context: RequestContext) -> tuple[FileSink, int]:
        settings = cast("ImportSettings", context.process.settings)
        limits = UploadLimits.of(settings)
        return StoredFile(context.database, context.caller.tenant_id, limits), limits.bytes
