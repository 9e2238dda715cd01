"""SQL that brings a chunk's rows from COPY into their table, and tells of each new one in the same statement.

The temporary table goes with its transaction: behind a pooler the session is everybody's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_contacts.imports.domain import Import, ImportedType, ImportMode
from crm_contacts.imports.references import Found
from crm_contacts.imports.rows import ROW_KINDS
from crm_shared.contracts.event_types import dataschema_of
from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE
from crm_shared.contracts.writing import format_time
from crm_shared.database import Transaction
from crm_shared.database.unique_values import try_update
from crm_shared.telemetry.traces import current_traceparent

# A table of each type: prepared statements on one that changed its columns would be refused.
TABLE: Final[Mapping[ImportedType, str]] = {
    ImportedType.CONTACT: "staged_contacts",
    ImportedType.COMPANY: "staged_companies",
}
CREATE_CONTACTS: Final = """
    CREATE TEMPORARY TABLE staged_contacts (
        number integer, id uuid, first_name text, last_name text, email text, phone text, phone_e164 text,
        company_id uuid, job_title text, source text, owner_id uuid, tags text[], external_id text, custom_data jsonb,
        refusal text, payload text
    ) ON COMMIT DROP
"""
CREATE_COMPANIES: Final = """
    CREATE TEMPORARY TABLE staged_companies (
        number integer, id uuid, name text, domain text, industry text, size text, website text, owner_id uuid,
        tags text[], custom_data jsonb, refusal text, payload text
    ) ON COMMIT DROP
"""

INSERT_CONTACTS: Final = """
        INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone, phone_e164, company_id,
                              job_title, source, owner_id, tags, custom_data, external_id, shares, created_at,
                              updated_at)
        SELECT $1::uuid, s.id, 1, s.first_name, s.last_name, s.email, s.phone, s.phone_e164, s.company_id, s.job_title,
               s.source, s.owner_id, s.tags, s.custom_data, s.external_id, '[]', $2::timestamptz, $2::timestamptz
          FROM staged_contacts s
"""
INSERT_COMPANIES: Final = """
        INSERT INTO companies (tenant_id, id, version, name, domain, industry, size, website, owner_id, tags,
                               custom_data, created_at, updated_at)
        SELECT $1::uuid, s.id, 1, s.name, s.domain, s.industry, s.size, s.website, s.owner_id, s.tags, s.custom_data,
               $2::timestamptz, $2::timestamptz
          FROM staged_companies s
"""

# DO NOTHING without a target: whichever unique value is taken, the row stays behind and is looked at by itself. The
# outbox and the audit get exactly the rows that got in.
ON_CONFLICT: Final = "ON CONFLICT DO NOTHING"
INSERT_AND_TELL: Final = """
    WITH inserted AS ({insert}
         WHERE s.refusal IS NULL
         ORDER BY s.number
            {on_conflict}
        RETURNING id
    ), told AS (
        INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                            occurredat, traceparent)
        SELECT uuidv7(), $9::text, s.id::text, $3::text, convert_to(s.payload, 'UTF8'), $1::uuid::text, 1, $4::text,
               $5::text, $6::text, $7::text
          FROM inserted JOIN {table} s USING (id)
         ORDER BY s.number
    ), audited AS (
        INSERT INTO record_changes (tenant_id, aggregate, record_id, version, verb, changed, actor_id, changed_at)
        SELECT $1::uuid, $9::text, id, 1, 'created', NULL, $8::uuid, $2::timestamptz FROM inserted
    )
    SELECT s.number, inserted.id FROM {table} s LEFT JOIN inserted USING (id) ORDER BY s.number
"""

LIST_ROWS: Final = "SELECT s.* FROM {table} s WHERE s.number = ANY ($1::integer[]) ORDER BY s.number"

CREATE: Final[Mapping[ImportedType, str]] = {
    ImportedType.CONTACT: CREATE_CONTACTS,
    ImportedType.COMPANY: CREATE_COMPANIES,
}
INSERT: Final[Mapping[ImportedType, str]] = {
    ImportedType.CONTACT: INSERT_CONTACTS,
    ImportedType.COMPANY: INSERT_COMPANIES,
}


async def copy_rows(transaction: Transaction, entity_type: ImportedType, rows: bytes) -> None:
    """Bring the lines of COPY's text format into the staging table."""
    await transaction.execute(CREATE[entity_type])
    columns = ("number", "id", *ROW_KINDS[entity_type].staged, "custom_data", "refusal", "payload")
    await transaction.copy_text(TABLE[entity_type], columns, rows)


async def insert_staged(transaction: Transaction, job: Import, found: Found) -> list[UUID | None]:
    """Write and tell every staged row that can be new and whose unique values are free.

    Gives the new record's id for each row in order, None for those that stay behind.
    """
    inserted: list[UUID | None] = []

    async def insert(on_conflict: str) -> None:
        inserted.extend(await _insert(transaction, on_conflict, job, found))

    # As long as every row of a file was new, the next ones are too: without ON CONFLICT the statement takes four
    # fifths of the time, as it need not look for each value before it writes it.
    is_clean = job.mode is ImportMode.CREATE and job.failed == 0
    if not is_clean or not await try_update(transaction, lambda: insert("")):
        await insert(ON_CONFLICT)
    return inserted


async def _insert(transaction: Transaction, on_conflict: str, job: Import, found: Found) -> list[UUID | None]:
    aggregate = ROW_KINDS[job.entity_type].aggregate
    event_type = f"crm.{aggregate}.created"
    statement = INSERT_AND_TELL.format(
        insert=INSERT[job.entity_type], table=TABLE[job.entity_type], on_conflict=on_conflict
    )
    rows = await transaction.fetch(
        statement, job.tenant_id, found.now, event_type, TOPIC_OF_AGGREGATE[aggregate].source,
        dataschema_of(event_type), format_time(found.now), current_traceparent(), job.created_by, aggregate,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def list_staged(
    transaction: Transaction, entity_type: ImportedType, numbers: Sequence[int]
) -> list[Mapping[str, Any]]:
    """Give these rows as they were prepared, in their order; null where a cell was empty."""
    return [dict(row) for row in await transaction.fetch(LIST_ROWS.format(table=TABLE[entity_type]), numbers)]
