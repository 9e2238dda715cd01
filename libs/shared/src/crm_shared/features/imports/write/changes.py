"""What an import has changed of its records, and others since: told apart by when it was written, or by version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from crm_shared.database import Transaction
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.domain import Import

# From the chunk's first change on: it has what was before, the later ones who has touched the record since. By the
# moment too: of a record that it changed twice, a chunk once kept the last version. And one version before: a move that
# closes a deal is told before the closing, whose version is noted.
LIST_CHANGES: Final = """
    SELECT r.record_id, r.version, r.changed, r.changed_at
      FROM unnest($3::uuid[], $4::bigint[]) AS written (id, version)
      JOIN record_changes r ON r.tenant_id = $1 AND r.aggregate = $2 AND r.record_id = written.id
                           AND (r.version >= written.version - 1 OR r.changed_at = $5)
     ORDER BY r.record_id, r.version
"""
LIST_VERSIONS: Final = """
    SELECT written.id, written.version
      FROM import_chunks c, unnest(c.updated_ids, c.updated_versions) AS written (id, version)
     WHERE c.tenant_id = $1 AND c.import_id = $2 AND written.id = ANY ($3)
"""

Changes = dict[UUID, list[Mapping[str, Any]]]
"""By record, the rows of its audit in their order."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When the import wrote its chunks, and when it took some of them back."""

    written: frozenset[datetime]
    reverted: frozenset[datetime]

    def is_ours(self, moment: datetime) -> bool:
        return moment in self.written or moment in self.reverted


async def load_changes(
    transaction: Transaction,
    job: Import,
    kind: AnyAdapter,
    chunk: Mapping[str, Any],
    versions: Mapping[UUID, int],
    ours: Moments,
) -> Changes:
    """Return what was changed of each record from the chunk on; `versions`: the one that each got first.

    Of some changes a file says that they happened long before. Those are known by the versions that were noted, and
    told as of when they were written.
    """
    written_at = chunk["written_at"]
    rows = await transaction.fetch(
        LIST_CHANGES, job.tenant_id, kind.aggregate, list(versions), list(versions.values()), written_at
    )
    strange = {row["record_id"] for row in rows if not ours.is_ours(row["changed_at"])}
    noted = await transaction.fetch(LIST_VERSIONS, job.tenant_id, job.id, list(strange)) if strange else ()
    own = {(row["id"], row["version"]) for row in noted}
    # The move of each closing: the version before, of the same moment.
    own |= {
        (before["record_id"], before["version"])
        for before, row in pairwise(rows)
        if (row["record_id"], row["version"]) in own
        and (row["record_id"], row["changed_at"]) == (before["record_id"], before["changed_at"])
    }
    changes: Changes = {}
    for row in rows:
        if (row["record_id"], row["version"]) in own:
            changes.setdefault(row["record_id"], []).append({**row, "changed_at": written_at})
        elif row["version"] >= versions[row["record_id"]] or row["changed_at"] == written_at:
            changes.setdefault(row["record_id"], []).append(row)
    return changes


def read_changes(recorded: Sequence[Mapping[str, Any]], ours: Moments) -> tuple[dict[str, Any], frozenset[str]]:
    """Return each field's change by which the import replaced what somebody had set, and the fields edited after it."""
    before: dict[str, Any] = {}
    touched: set[str] = set()
    for row in recorded:
        changed = row["changed"] or {}
        if row["changed_at"] in ours.written:
            before = {**changed, **before}
            touched -= changed.keys()
        elif not ours.is_ours(row["changed_at"]):
            touched |= before.keys() & changed.keys()
            before = {name: change for name, change in before.items() if name not in changed}
    return before, frozenset(touched)
