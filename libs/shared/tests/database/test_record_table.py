"""The statements that a record's class makes, as a reader would write them."""

from dataclasses import dataclass
from uuid import UUID

from crm_shared.database import RecordTable

TENANT, NOTE = UUID(int=1), UUID(int=2)


@dataclass(frozen=True)
class Note:
    id: UUID
    version: int
    text: str | None


NOTES = RecordTable("notes", Note, alias="n", selected={"text": "shown(n.text) AS text"})


def test_a_table_selects_and_writes_the_fields_of_its_class() -> None:
    assert NOTES.columns.strip() == "n.id, n.version, shown(n.text) AS text"
    assert NOTES.insert == "INSERT INTO notes (tenant_id, id, version, text) VALUES ($1, $2, $3, $4)"
    assert NOTES.update == "UPDATE notes SET version = $3, text = $4 WHERE tenant_id = $1 AND id = $2"
    assert NOTES.to_row(TENANT, Note(NOTE, 7, None)) == (TENANT, NOTE, 7, None)
    assert NOTES.parameter("text") == "$4"


def test_many_records_are_written_as_a_list_of_their_states() -> None:
    assert NOTES.insert_many == (
        "INSERT INTO notes (tenant_id, id, version, text) SELECT $1, r.id, r.version, r.text"
        " FROM jsonb_populate_recordset(NULL::notes, $2) AS r ON CONFLICT DO NOTHING"
    )
    assert NOTES.update_many == (
        "UPDATE notes AS t SET version = r.version, text = r.text FROM jsonb_populate_recordset(NULL::notes, $2) AS r"
        " WHERE t.tenant_id = $1 AND t.id = r.id"
    )
