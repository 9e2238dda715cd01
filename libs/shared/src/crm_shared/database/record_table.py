"""SQL that reads and writes the records of one table. The columns are the record's own fields, by name."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from crm_shared.record_fields import FieldReader

GIVEN_ROW: Final = " WHERE t.tenant_id = $1 AND t.id = r.id"


class RecordTable:
    """The statements of a table whose records are a dataclass: a field that is added there is read and written here.

    `columns` are selected by `alias`, a field in `selected` as it says there. One record at a time: `insert` and
    `update` take what `to_row` returns. Many: `insert_many` and `update_many` take the tenant as $1 and the records, as
    a list of their states, as $2. `next_parameter` is the first that a row leaves to a statement with more.
    """

    def __init__(self, table: str, record: type[Any], *, alias: str, selected: Mapping[str, str] | None = None) -> None:
        reader = FieldReader(record)
        self.fields, self._read = reader.names, reader.read_tuple
        written = [name for name in self.fields if name != "id"]
        expressions = {name: alias + "." + name for name in self.fields} | dict(selected or {})
        self.columns = "\n           " + ", ".join(expressions.values()) + "\n"

        self.insert_into = "INSERT INTO " + table + " (tenant_id, " + ", ".join(self.fields) + ")"
        self.parameters = ", ".join(["$1", *(self.parameter(name) for name in self.fields)])
        self.next_parameter = f"${len(self.fields) + 2}"
        self.insert = self.insert_into + " VALUES (" + self.parameters + ")"
        self.settings = ", ".join(name + " = " + self.parameter(name) for name in written)
        by_id = " WHERE tenant_id = $1 AND id = " + self.parameter("id")
        self.update = "UPDATE " + table + " SET " + self.settings + by_id  # noqa: S608 - names of ours

        given = " FROM jsonb_populate_recordset(NULL::" + table + ", $2) AS r"
        # No row for a record whose unique value another one has: that must not end the transaction.
        self.insert_many = (
            self.insert_into + " SELECT $1, r." + ", r.".join(self.fields) + given + " ON CONFLICT DO NOTHING"
        )
        settings = ", ".join(name + " = r." + name for name in written)
        self.update_many = "UPDATE " + table + " AS t SET " + settings + given + GIVEN_ROW  # noqa: S608 - names of ours

    def parameter(self, name: str) -> str:
        """Return the parameter that has this field in a row: `$2` for the first, as $1 is the tenant."""
        return f"${self.fields.index(name) + 2}"

    def to_row(self, tenant_id: UUID, record: Any) -> tuple[Any, ...]:
        """Return the parameters of `insert` and `update`."""
        return tenant_id, *self._read(record)


def count_rows(status: str) -> int:
    """Read how many rows an INSERT wrote from its command tag, such as `INSERT 0 7`."""
    return int(status.rpartition(" ")[2])
