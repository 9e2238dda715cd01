"""A warehouse of a test's own: synced in this process, and read back as its users would."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import duckdb

from crm_warehouse.settings import WarehouseSettings
from crm_warehouse.source import statements
from crm_warehouse.source.snapshot import Snapshot
from crm_warehouse.star import TABLES, StarTable
from crm_warehouse.sync import Summary, sync

Rows = list[tuple[Any, ...]]


def wait_until_settled(dsn: str) -> None:
    """Wait for what is open in the database, such as an ANALYZE: what is written meanwhile is brought twice."""
    with Snapshot.opened(dsn, None) as snapshot:
        begun = snapshot.end
    give_up_at = time.monotonic() + 120
    while time.monotonic() < give_up_at:
        with Snapshot.opened(dsn, None) as snapshot:
            if snapshot.horizon >= begun:
                return
        time.sleep(0.05)
    raise AssertionError("a transaction of the database stays open")


@dataclass
class Warehouse:
    settings: WarehouseSettings
    printed: list[str] = field(default_factory=list)

    def sync(self, tenant: UUID | None = None, *, full: bool = False, settled: bool = True) -> Summary:
        """Sync, once nothing that began before is still open."""
        if settled:
            wait_until_settled(self.settings.dsn.get_secret_value())
        return sync(self.settings, tenant=tenant, full=full, say=self.printed.append)

    def read(self, statement: str, *values: Any) -> Rows:
        """Ask in SQL; tables are named plainly, whether they lie in DuckDB or in Parquet files."""
        with duckdb.connect(self._open_for()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if self.settings.destination == "duckdb":
                connection.execute("USE crm")
            else:
                for table in TABLES:
                    files = f"{self.settings.bucket_url.removeprefix('file://')}/crm/{table.name}/*.parquet"
                    connection.execute(f"CREATE VIEW {table.name} AS SELECT * FROM read_parquet('{files}')")  # noqa: S608
            return connection.execute(statement, values).fetchall()

    def read_all(self, table: StarTable) -> Rows:
        names = ", ".join(column.name for column in table.columns)
        return sorted(self.read(f"SELECT {names} FROM {table.name}"), key=repr)  # noqa: S608 - names of ours

    def loaded_by(self, table: str, *keys: str) -> dict[Any, str]:
        """Return the load that brought each row, by key."""
        return {row[:-1]: row[-1] for row in self.read(f"SELECT {', '.join(keys)}, _dlt_load_id FROM {table}")}  # noqa: S608

    def expect(self, table: StarTable, tenant: UUID | None = None) -> Rows:
        """Return the rows that reporting's database has for the table now."""
        with Snapshot.opened(self.settings.dsn.get_secret_value(), None if tenant is None else str(tenant)) as snapshot:
            rows = snapshot.fetch(statements.select_all(table))
        return sorted((tuple(map(_as_text, row[:-1])) for row in rows), key=repr)

    def assert_equal(self, tables: Sequence[StarTable] = TABLES, tenant: UUID | None = None) -> None:
        for table in tables:
            held = sorted((tuple(map(_as_text, row)) for row in self.read_all(table)), key=repr)
            assert held == self.expect(table, tenant), table.name

    def _open_for(self) -> str:
        return str(self.settings.duckdb_file) if self.settings.destination == "duckdb" else ":memory:"


def _as_text(value: Any) -> Any:
    """Ids are text in a warehouse. A decimal equals another whatever zeros it ends with, but does not look alike."""
    if isinstance(value, UUID):
        return str(value)
    return value.normalize() if hasattr(value, "normalize") else value
