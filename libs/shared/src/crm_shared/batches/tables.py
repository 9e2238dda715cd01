"""SQL that writes many records of one table in one statement. The columns are the record's own fields, by name."""

from dataclasses import fields
from typing import Any

GIVEN_ROW = " WHERE t.tenant_id = $1 AND t.id = r.id"


class RecordTable:
    """`insert` and `update` take the tenant as $1 and the records, as a list of their states, as $2.

    The columns stand in the record's class alone: a field that is added there is written here too.
    """

    def __init__(self, table: str, record: type[Any]) -> None:
        names = [field.name for field in fields(record)]
        given = " FROM jsonb_populate_recordset(NULL::" + table + ", $2) AS r"
        into = "INSERT INTO " + table + " (tenant_id, " + ", ".join(names) + ")"
        # No row for a record whose unique value another one has: that must not end the transaction.
        self.insert = into + " SELECT $1, r." + ", r.".join(names) + given + " ON CONFLICT DO NOTHING"
        settings = [name + " = r." + name for name in names if name != "id"]
        self.update = "UPDATE " + table + " AS t SET " + ", ".join(settings) + given + GIVEN_ROW  # noqa: S608 - names of ours


def count_rows(status: str) -> int:
    """Read how many rows an INSERT wrote from its command tag, such as `INSERT 0 7`."""
    return int(status.rpartition(" ")[2])
