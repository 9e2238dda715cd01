"""Compares rows with the documents that an index has of them, page by page, while both are written.

A row and its document are read one after the other, so what differs at first sight is looked at again: the row, then
the index refreshed, then the row once more. Only a difference between a row that stood still and is not waiting to be
indexed counts.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_search.bulk import address_of
from crm_search.dirty_rows import list_chosen
from crm_search.index import INDEX_VERSION
from crm_search.indexes.counts import KINDS, Counts, hash_revision, wrap
from crm_search.indexes.documents import Document, IndexReader
from crm_search.indexing import flush, to_writes
from crm_search.store import DocumentStore
from crm_shared.database import Database

PAGE_ROWS: Final = 1000
LOOKS: Final = 10
PAUSE_S: Final = 0.2
"""Between two looks at a row that is written just now."""

HEALINGS: Final = 3
"""How often one difference is mended: whoever writes by hand meanwhile may be ahead once more, but not for ever."""

LIST_ROWS: Final = """
    SELECT id, revision, indexed_revision, is_hidden, rejection IS NOT NULL AS is_refused
      FROM search_records
     WHERE tenant_id = $1 AND type = $2 AND id > $3
     ORDER BY id
     LIMIT $4
"""
FIND_ROWS: Final = """
    SELECT id, revision, indexed_revision, is_hidden, rejection IS NOT NULL AS is_refused
      FROM search_records
     WHERE tenant_id = $1 AND type = $2 AND id = ANY($3)
"""
# Above what the index has, which is more than the row's own after a database went back to an earlier moment.
RAISE: Final = """
    WITH locked AS (
        SELECT r.tenant_id, r.type, r.id, w.version
          FROM search_records r
          JOIN unnest($3::uuid[], $4::bigint[]) AS w (id, version) ON r.id = w.id
         WHERE r.tenant_id = $1 AND r.type = $2
         ORDER BY r.tenant_id, r.type, r.id
           FOR UPDATE OF r
    )
    UPDATE search_records r
       SET revision = greatest(r.revision, l.version) + 1, rejection = NULL,
           changed_at = CASE WHEN r.indexed_revision < r.revision THEN r.changed_at ELSE now() END
      FROM locked l
     WHERE (r.tenant_id, r.type, r.id) = (l.tenant_id, l.type, l.id)
"""


@dataclass(frozen=True, slots=True)
class Row:
    id: UUID
    revision: int
    indexed_revision: int
    is_hidden: bool
    is_refused: bool

    @property
    def is_settled(self) -> bool:
        return self.indexed_revision >= self.revision


@dataclass(frozen=True, slots=True)
class Part:
    """What is compared: a tenant's records of one type, in one index that holds documents of `form`.

    `reads_texts`: documents are made again and their digests compared too, which takes as long as making them does.
    """

    database: Database
    reader: IndexReader
    tenant_id: UUID
    type: str
    form: int
    reads_texts: bool = False

    def address_of(self, record_id: UUID) -> str:
        return address_of(self.tenant_id, self.type, record_id)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one record. `kind`: one of KINDS, or `waiting`, or `refused`; None where both agree."""

    row: Row | None
    document: Document | None
    kind: str | None


async def compare_page(
    part: Part, after: UUID, *, heals: DocumentStore | None = None, limit: int = PAGE_ROWS, looks: int = LOOKS
) -> tuple[UUID | None, Counts]:
    """Compare up to `limit` records after an id; return the last of them, None at the end, and what was found.

    `heals`: the live index's store, by which what differs is mended; differences that are left are counted, mended ones
    are `healed`. Raises as the stores do.
    """
    page = await part.reader.list_part(part.tenant_id, part.type, after, limit=limit)
    rows = await _list_rows(part, after, limit)
    ends = [end for end in (page.last, rows[-1].id if len(rows) == limit else None) if end is not None]
    last = min(ends, default=None)
    within = {row.id: row for row in rows if last is None or row.id <= last}
    documents = [one for one in page.documents if last is None or one.record_id is None or one.record_id <= last]
    strangers = [one for one in documents if not one.is_own]
    own = {one.record_id: one for one in documents if one.is_own and one.record_id is not None}
    digests = await _make_digests(part, [row.id for row in within.values() if not row.is_hidden])
    findings = {
        id_: Finding(within.get(id_), own.get(id_), _judge(part, within.get(id_), own.get(id_), digests.get(id_)))
        for id_ in {**within, **own}
    }
    findings |= await _look(part, [id_ for id_, one in findings.items() if one.kind in KINDS], looks)
    wrong = {id_: one for id_, one in findings.items() if one.kind in KINDS}
    healed = 0
    if heals is not None and (wrong or strangers):
        again, left = await _heal(part, wrong, heals, looks), await _remove(part, strangers)
        healed = sum(one.kind not in KINDS for one in again.values()) + len(strangers) - len(left)
        findings, strangers = findings | again, left
    return last, _count(findings.values(), strangers=len(strangers), healed=healed)


async def _list_rows(part: Part, after: UUID, limit: int) -> list[Row]:
    async with part.database.read_as_worker() as connection:
        rows = await connection.fetch(LIST_ROWS, part.tenant_id, part.type, after, limit)
    return [Row(**row) for row in rows]


async def _find_rows(part: Part, ids: Sequence[UUID]) -> dict[UUID, Row]:
    async with part.database.read_as_worker() as connection:
        rows = await connection.fetch(FIND_ROWS, part.tenant_id, part.type, ids)
    return {row["id"]: Row(**row) for row in rows}


def _judge(part: Part, row: Row | None, document: Document | None, digest: str | None) -> str | None:
    is_waiting = row is not None and not row.is_settled
    if row is None or row.is_hidden:
        if document is None:
            return None
        return "waiting" if is_waiting else "left_over"
    if is_waiting:
        return "waiting"
    if row.is_refused:
        return "refused"
    if document is None:
        return "missing"
    # Of another form the text is another one: who knows that form compares it.
    is_other_text = digest is not None and document.form == INDEX_VERSION and document.digest != digest
    return "stale" if document.version != row.revision or document.form < part.form or is_other_text else None


async def _look(part: Part, ids: Sequence[UUID], looks: int) -> dict[UUID, Finding]:
    """Look at records until each stood still for one look; those that never did are waiting."""
    findings: dict[UUID, Finding] = {}
    for number in range(looks):
        unsettled = [id_ for id_ in ids if id_ not in findings or findings[id_].kind == "waiting"]
        if not unsettled:
            break
        if number:
            await asyncio.sleep(PAUSE_S)
        before = await _find_rows(part, unsettled)
        await part.reader.refresh()
        seen = await part.reader.find(part.tenant_id, part.type, [part.address_of(id_) for id_ in unsettled])
        digests = await _make_digests(part, [id_ for id_, row in before.items() if not row.is_hidden])
        now = await _find_rows(part, unsettled)
        for id_ in unsettled:
            row, document = now.get(id_), seen.get(part.address_of(id_))
            stood_still = before.get(id_) == row
            kind = _judge(part, row, document, digests.get(id_)) if stood_still else "waiting"
            findings[id_] = Finding(row, document, kind)
    return findings


async def _make_digests(part: Part, ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """Make documents again, a few at a time, and keep their digests alone."""
    digests: dict[UUID, str | None] = {}
    left = sorted(ids) if part.reads_texts else []
    while left:
        async with part.database.read_as_worker() as connection:
            rows = await list_chosen(connection, part.tenant_id, part.type, left[:PAGE_ROWS])
        if not rows:
            break
        writes = await asyncio.to_thread(to_writes, rows)
        for row, write in zip(rows, writes, strict=True):
            digests[row.id] = write.digest
        left = [id_ for id_ in left if id_ > rows[-1].id]
    return digests


async def _heal(part: Part, wrong: Mapping[UUID, Finding], store: DocumentStore, looks: int) -> dict[UUID, Finding]:
    """Mend what differs until nothing does, a few times; return what was seen then.

    A write that meets a higher version is none, and the row counts as written all the same: only a look tells.
    """
    findings = dict(wrong)
    for _ in range(HEALINGS):
        left = {id_: one for id_, one in findings.items() if one.kind in KINDS}
        if not left:
            break
        await _write_again(part, [id_ for id_, one in left.items() if one.row is not None], store)
        await _remove(part, [one.document for one in left.values() if one.row is None and one.document is not None])
        findings |= await _look(part, list(left), looks)
    return findings


async def _write_again(part: Part, ids: Sequence[UUID], store: DocumentStore) -> None:
    """Have documents written once more, above whatever the index has at their addresses."""
    if not ids:
        return
    versions = await part.reader.read_versions([part.address_of(id_) for id_ in ids])
    known = [versions.get(part.address_of(id_), 0) for id_ in ids]
    async with part.database.begin_as_worker() as transaction:
        await transaction.execute(RAISE, part.tenant_id, part.type, ids, known)
    await flush(part.database, store)


async def _remove(part: Part, documents: Sequence[Document]) -> list[Document]:
    """Delete documents that no row tells of; return those that are there still, as they were written meanwhile."""
    if not documents:
        return []
    await part.reader.delete([(one.address, one.version) for one in documents])
    await part.reader.refresh()
    left = await part.reader.find(part.tenant_id, part.type, [one.address for one in documents])
    return list(left.values())


def _count(findings: Iterable[Finding], *, strangers: int, healed: int) -> Counts:
    counts = Counts(foreign=strangers, healed=healed)
    for one in findings:
        if one.kind is not None:
            setattr(counts, one.kind, getattr(counts, one.kind) + 1)
        if one.kind in {"waiting", "refused"}:
            continue
        if one.row is not None and not one.row.is_hidden:
            counts.rows += 1
            counts.row_checksum += hash_revision(one.row.id, one.row.revision)
        if one.document is not None and one.document.record_id is not None:
            counts.documents += 1
            counts.document_checksum += hash_revision(one.document.record_id, one.document.version)
    counts.row_checksum, counts.document_checksum = wrap(counts.row_checksum), wrap(counts.document_checksum)
    return counts
