"""What the destination has and the database has no more.

Every row of the database has been brought once changes are, so a table that has as many rows as the database has the
very same keys. Where a tenant has more, its keys are compared: all at once, or of a large tenant part by part, those
parts alone that differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from crm_warehouse.source import statements
from crm_warehouse.source.snapshot import Snapshot
from crm_warehouse.star import StarTable

Counts = Mapping[StarTable, Mapping[str, int]]
Keys = list[tuple[str, ...]]
IN_ONE_STATEMENT: Final = 200
LARGE_ROWS: Final = 50_000
"""From here on a tenant's keys are compared in parts: a million keys of both sides would not be held for one row."""

COUNT_BY_TENANT: Final = "SELECT tenant_id, count(*) FROM {table} GROUP BY tenant_id"


def find_differing_tenants(pipeline: Pipeline, counts: Counts) -> dict[StarTable, dict[str, int]]:
    """Return, by table, tenants of which the destination has another number of rows than `counts`: the larger one."""
    found = {}
    with pipeline.sql_client() as client:
        for table, expected in counts.items():
            name = client.make_qualified_table_name(table.name)
            held = {row[0]: row[1] for row in client.execute_sql(COUNT_BY_TENANT.replace("{table}", name)) or []}
            sizes = {tenant: (held.get(tenant, 0), expected.get(tenant, 0)) for tenant in sorted({*held, *expected})}
            if differing := {tenant: max(both) for tenant, both in sizes.items() if both[0] != both[1]}:
                found[table] = differing
    return found


def find_differing_keys(pipeline: Pipeline, snapshot: Snapshot, table: StarTable, tenants: Mapping[str, int]) -> Keys:
    """Return the keys of `tenants` of which destination and database have other numbers of rows."""
    small = [tenant for tenant, rows in tenants.items() if rows < LARGE_ROWS]
    large = [tenant for tenant, rows in tenants.items() if rows >= LARGE_ROWS]
    found: Keys = []
    with pipeline.sql_client() as client:
        for some in _cut(small):
            ours = snapshot.fetch(statements.count_by_key(table), tenants=some, bucket=None)
            found += _list_differing(ours, _count_there(client, table, some, by_key=True))
        for some in _cut(large):
            ours = snapshot.fetch(statements.count_by_bucket(table), tenants=some)
            for tenant, bucket in _list_differing(ours, _count_there(client, table, some, by_key=False)):
                ours = snapshot.fetch(statements.count_by_key(table), tenants=[tenant], bucket=bucket)
                found += _list_differing(ours, _count_there(client, table, [tenant], bucket, by_key=True))
    return found


def _cut(tenants: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(tenants), IN_ONE_STATEMENT):
        yield tenants[start : start + IN_ONE_STATEMENT]


def _list_differing(ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]]) -> Keys:
    """Compare rows of which the last column counts and the others are the key."""
    here, there = ({tuple(row[:-1]): row[-1] for row in rows} for rows in (ours, theirs))
    return sorted(key for key in {*here, *there} if here.get(key, 0) != there.get(key, 0))


def _count_there(
    client: SqlClientBase[Any], table: StarTable, tenants: Sequence[str], bucket: str | None = None, *, by_key: bool
) -> Sequence[Sequence[Any]]:
    """Count by key, within one bucket or in all, or by bucket. Values are ids that the database or dlt gave us."""
    part = statements.take_bucket(table.unit.key_names[-1])
    groups = ", ".join(table.unit.key_names if by_key else ("tenant_id", part))
    of_bucket = "" if bucket is None else " AND " + part + " = %s"
    source = client.make_qualified_table_name(table.name)
    listed = ", ".join("%s" for _ in tenants)
    statement = (
        "SELECT " + groups + ", count(*) FROM " + source  # noqa: S608 - names of ours
        + " WHERE tenant_id IN (" + listed + ")" + of_bucket + " GROUP BY " + groups
    )  # fmt: skip
    return client.execute_sql(statement, *tenants, *([] if bucket is None else [bucket])) or []
