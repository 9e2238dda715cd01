"""SQL that brings a chunk's rows from COPY into their table, and publishes each new one in the same statement.

The temporary table goes with its transaction: behind a pooler the session is everybody's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from crm_shared.contracts.event_types import dataschema_of
from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE
from crm_shared.contracts.writing import format_time
from crm_shared.database import Transaction
from crm_shared.database.unique_values import try_update
from crm_shared.features.imports.domain import Import, ImportMode
from crm_shared.features.imports.references import Found
from crm_shared.publishing import INSERT_AUDIT, INSERT_OUTBOX
from crm_shared.record_fields import field_names
from crm_shared.telemetry.traces import current_traceparent


class Staged(Protocol):
    """What is asked of a type of record whose rows are staged."""

    @property
    def records(self) -> str: ...
    @property
    def record(self) -> type[Any]: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def staged_records(self) -> str: ...
    @property
    def staged(self) -> Sequence[str]: ...


# Each column is of the type that it has in the records' own table, and may be empty.
CREATE: Final = """
    CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS
    SELECT NULL::integer AS number, r.id, {staged}, r.custom_data, NULL::text AS refusal, NULL::text AS payload
      FROM {records} r
      WITH NO DATA
"""
INSERT: Final = """
        INSERT INTO {records} (tenant_id, {columns})
        SELECT $1::uuid, {values}
          FROM {table} s
"""
GIVEN: Final[Mapping[str, str]] = {
    "id": "s.id",
    "version": "1",
    "custom_data": "s.custom_data",
    "shares": "'[]'",
    "created_at": "$2::timestamptz",
    "updated_at": "$2::timestamptz",
}
"""What a new record has beside the fields that its row sets; it is empty of all else."""

# DO NOTHING without a target: whichever unique value is taken, the row stays behind and is looked at by itself. The
# outbox and the audit get exactly the rows that got in.
ON_CONFLICT: Final = "ON CONFLICT DO NOTHING"
INSERT_AND_PUBLISH: Final = """
    WITH inserted AS ({insert}
         WHERE s.refusal IS NULL AND ($10::uuid[] IS NULL OR s.owner_id = ANY ($10))
         ORDER BY s.number
            {on_conflict}
        RETURNING id
    ), published AS (
        SELECT uuidv7() AS id, $9::text AS aggregatetype, s.id::text AS aggregateid, $3::text AS type,
               convert_to(s.payload, 'UTF8') AS payload, $1::uuid::text AS tenantid, 1 AS sequence, $4::text AS source,
               $5::text AS dataschema, $6::text AS occurredat, $7::text AS traceparent, NULL AS changed,
               $8::uuid AS actor_id
          FROM inserted JOIN {table} s USING (id)
         ORDER BY s.number
    ), audited AS ({insert_audit}
    ), queued AS ({insert_outbox}
    )
    SELECT s.number, inserted.id FROM {table} s LEFT JOIN inserted USING (id) ORDER BY s.number
"""

LIST_ROWS: Final = "SELECT s.* FROM {table} s WHERE s.number = ANY ($1::integer[]) ORDER BY s.number"


def _make_create(kind: Staged) -> str:
    staged = ", ".join("r." + name for name in kind.staged)
    return CREATE.format(table=kind.staged_records, records=kind.records, staged=staged)


def _make_insert(kind: Staged) -> str:
    values = {**{name: "s." + name for name in kind.staged}, **GIVEN}
    columns = [name for name in field_names(kind.record) if name in values]
    return INSERT.format(
        records=kind.records,
        columns=", ".join(columns),
        values=", ".join(values[name] for name in columns),
        table=kind.staged_records,
    )


async def copy_rows(transaction: Transaction, kind: Staged, rows: bytes) -> None:
    """Bring the lines of COPY's text format into the staging table."""
    await transaction.execute(_make_create(kind))
    columns = ("number", "id", *kind.staged, "custom_data", "refusal", "payload")
    await transaction.copy_text(kind.staged_records, columns, rows)


async def insert_staged(
    transaction: Transaction, job: Import, kind: Staged, found: Found, *, owners: Collection[UUID] | None
) -> list[UUID | None]:
    """Write and publish every staged row that can be new and whose unique values are free.

    Gives the new record's id for each row in order, None for those that stay behind: those of others than `owners`
    among them, for whom the import's user may make nothing (None: they may for everybody).
    """
    inserted: list[UUID | None] = []

    async def insert(on_conflict: str) -> None:
        inserted.extend(await _insert(transaction, on_conflict, job, kind, found, owners))

    # As long as every row of a file was new, the next ones are too: without ON CONFLICT the statement takes four
    # fifths of the time, as it need not look for each value before it writes it.
    is_clean = job.mode is ImportMode.CREATE and job.failed == 0
    if not is_clean or not await try_update(transaction, lambda: insert("")):
        await insert(ON_CONFLICT)
    return inserted


async def _insert(
    transaction: Transaction,
    on_conflict: str,
    job: Import,
    kind: Staged,
    found: Found,
    owners: Collection[UUID] | None,
) -> list[UUID | None]:
    aggregate = kind.aggregate
    event_type = f"crm.{aggregate}.created"
    statement = INSERT_AND_PUBLISH.format(
        insert=_make_insert(kind),
        table=kind.staged_records,
        on_conflict=on_conflict,
        insert_audit=INSERT_AUDIT,
        insert_outbox=INSERT_OUTBOX,
    )
    rows = await transaction.fetch(
        statement, job.tenant_id, found.now, event_type, TOPIC_OF_AGGREGATE[aggregate].source,
        dataschema_of(event_type), format_time(found.now), current_traceparent(), job.created_by, aggregate,
        owners,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def list_staged(transaction: Transaction, kind: Staged, numbers: Sequence[int]) -> list[Mapping[str, Any]]:
    """Return these rows as they were prepared, in their order; null where a cell was empty."""
    return [dict(row) for row in await transaction.fetch(LIST_ROWS.format(table=kind.staged_records), numbers)]
