"""Forgets versions that are no longer so: of deals, and of pipelines' stages."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, LiteralString, Protocol, TypeVar
from uuid import UUID

from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction
from crm_shared.features.restoring.lost_versions import LostVersions

FORGET: Final[LiteralString] = """
    DELETE FROM {table} v
     USING unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS lost (tenant_id, id, after, before)
     WHERE v.tenant_id = lost.tenant_id AND v.{key} = lost.id AND v.version > lost.after AND v.version < lost.before
"""


class VersionRow(Protocol):
    """A row whose first columns are (tenant id, record id, version)."""

    @property
    def version(self) -> int: ...
    def __getitem__(self, index: slice, /) -> tuple[object, ...]: ...


RowT = TypeVar("RowT", bound=VersionRow)


def leave_out_lost(rows: Sequence[RowT], lost: Collection[LostVersions]) -> Sequence[RowT]:
    """Return the rows of a batch that its own later events leave so: a record may have been restored more than once."""
    if not lost:
        return rows
    ranges: dict[tuple[object, ...], list[LostVersions]] = {}
    for one in lost:
        ranges.setdefault(one[:2], []).append(one)
    return [row for row in rows if not _is_lost(row, ranges)]


def _is_lost(row: VersionRow, ranges: Mapping[tuple[object, ...], Sequence[LostVersions]]) -> bool:
    return any(one.after < row.version < one.before for one in ranges.get(row[:2], ()))


async def forget_deal_versions(transaction: Transaction, lost: Sequence[LostVersions]) -> list[tuple[UUID, UUID]]:
    """Delete lost entries and versions of deals, and return the deals, whose periods are to be made anew."""
    if lost:
        for table in ("stage_transitions", "deal_versions"):
            await _forget(transaction, table, "deal_id", lost)
    return [(one.tenant_id, one.id) for one in lost]


async def forget_stage_versions(transaction: Transaction, lost: Sequence[LostVersions]) -> None:
    """Delete lost versions of pipelines' stages."""
    if lost:
        await _forget(transaction, "stage_versions", "pipeline_id", lost)


async def _forget(
    transaction: Transaction, table: LiteralString, key: LiteralString, lost: Sequence[LostVersions]
) -> None:
    statement = FORGET.format_map({"table": table, "key": key})
    await transaction.execute(statement, *to_columns(lost, width=len(LostVersions._fields)))
