"""One look at reporting's database: everything that a sync reads, it reads as of one moment."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import ClientCursor

from crm_warehouse.source.spool import SpooledRows

# Transactions of the cluster's other databases, which can't have written here. Read before the snapshot: what is not in
# this list is taken for one of ours.
LIST_ELSEWHERE: Final = """
    SELECT l.transactionid::text::bigint
      FROM pg_locks l
      JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
       AND a.datid <> (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# The oldest transaction of this database that is still running: all before it are over, and in this snapshot. A part of
# a transaction (a savepoint) has a later number than the whole. A standby's snapshots list none, but know the oldest.
FIND_HORIZON: Final = """
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmin(s)::text::bigint
                ELSE COALESCE((SELECT min(x::text::bigint)
                                 FROM pg_snapshot_xip(s) x
                                WHERE (x::text::bigint & 4294967295) <> ALL (%(elsewhere)s::bigint[])),
                              pg_snapshot_xmax(s)::text::bigint) END,
           pg_snapshot_xmax(s)::text::bigint
      FROM pg_current_snapshot() s
"""
# Transactions of another cluster, database or history (a restored backup, a promoted standby) count otherwise.
FIND_DATABASE: Final = """
    SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                          (SELECT oid FROM pg_database WHERE datname = current_database()),
                          (SELECT timeline_id FROM pg_control_checkpoint()))
"""
# Row-level security shows a role without a policy no rows, and says nothing: all would seem to be deleted.
FIND_UNSEEN: Final = """
    SELECT t
      FROM unnest(%(tables)s::text[]) t
     WHERE row_security_active(t)
       AND NOT EXISTS (SELECT FROM pg_policy p
                        CROSS JOIN LATERAL unnest(p.polroles) r (role)
                        WHERE p.polrelid = t::regclass AND r.role <> 0 AND pg_has_role(current_user, r.role, 'USAGE'))
"""
OPTIONS: Final = (
    "-c timezone=UTC -c datestyle=ISO -c default_transaction_isolation=repeatable\\ read"
    " -c default_transaction_read_only=on -c statement_timeout=0"
    # Each statement reads whole tables anyway, and a plan for few rows, made by old statistics, never ends with many.
    " -c enable_nestloop=off"
)


class Snapshot:
    """A transaction that sees one moment. `horizon`: everything written by a transaction before it is in here.

    `end`: no transaction from it on is. `parameters` go with every statement.
    """

    def __init__(self, connection: psycopg.Connection[Any], tenant: str | None) -> None:
        self._connection = connection
        self.parameters: dict[str, Any] = {"tenant": tenant, "since": 0}
        elsewhere = [row[0] for row in self.fetch(LIST_ELSEWHERE)]
        connection.commit()  # the snapshot begins with the next statement
        self.horizon: int
        self.end: int
        self.horizon, self.end = self.fetch_one(FIND_HORIZON, elsewhere=elsewhere)
        self.database: str = self.fetch_one(FIND_DATABASE)[0]
        self.parameters["end"] = self.end

    @classmethod
    @contextmanager
    def opened(cls, dsn: str, tenant: str | None) -> Iterator[Self]:
        """Begin one, and end it at the end. Raises psycopg.OperationalError where nobody answers."""
        with psycopg.connect(dsn, options=OPTIONS, application_name="crm-warehouse", connect_timeout=10) as connection:
            yield cls(connection, tenant)

    def list_unseen(self, tables: Iterable[str]) -> list[str]:
        """Name the tables that no policy shows this role."""
        return [row[0] for row in self.fetch(FIND_UNSEEN, tables=list(tables))]

    def fetch(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with ClientCursor(self._connection) as cursor:
            return cursor.execute(statement, {**self.parameters, **parameters}).fetchall()

    def fetch_one(self, statement: str, **parameters: Any) -> tuple[Any, ...]:
        return self.fetch(statement, **parameters)[0]

    def spool(self, statement: str, **parameters: Any) -> SpooledRows:
        """Run `statement` and keep its rows in a file, so that what follows holds no transaction open for long."""
        rows = SpooledRows()
        with ClientCursor(self._connection) as cursor:
            text = cursor.mogrify(statement, {**self.parameters, **parameters})
            with cursor.copy(f"COPY ({text}) TO STDOUT (FORMAT csv, HEADER)") as copy:
                for block in copy:
                    rows.write(block)
            rows.count = cursor.rowcount
        return rows
