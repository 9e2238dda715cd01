"""The SQL of a table of the star schema: all of its rows, those of what changed, how many there are."""

from typing import Final

from crm_warehouse.star import IS_DELETED, Column, StarTable, Unit

# A row's xmin is the lower half of the transaction that wrote it. `end` is where this snapshot ends, so that the
# transaction is the last one before it with those bits; a row written 2^32 transactions earlier or more may look
# newer than it is, and is then brought once more than needed.
IS_NEW: Final = "(%(end)s::bigint - ((%(end)s::bigint - w.xmin::text::bigint) & 4294967295)) >= %(since)s::bigint"


def take_bucket(column: str) -> str:
    """Return the last two letters of a key that is a UUID, in any SQL: 256 parts of one size. Of others it is empty."""
    return "substr(" + column + ", 35, 2)"


def select_changed(unit: Unit) -> str:
    """Return the keys of `unit` that were written at or after `since`, or whose rates changed, each once."""
    branches = [
        "SELECT DISTINCT " + one.key + " FROM " + one.table + " w WHERE " + IS_NEW + _and_of_tenant("w.tenant_id")  # noqa: S608 - texts of ours
        for one in unit.written
    ]
    if unit.follows_rates:
        branches.append(unit.follows_rates)
    return " UNION ".join(branches)


def select_named(unit: Unit) -> str:
    """Return the keys given as arrays, one parameter a column: `keys_0`, `keys_1`."""
    arrays = ", ".join(f"%(keys_{place})s::{key.type}[]" for place, key in enumerate(unit.keys))
    return "SELECT * FROM unnest(" + arrays + ")"  # noqa: S608 - texts of ours


def select_all(table: StarTable) -> str:
    """Return every row, of the tenant asked for or of all."""
    return _select(table, ", false AS " + IS_DELETED, _and_of_tenant(table.columns[0].sql))


def select_by_key(table: StarTable, keys: str) -> str:
    """Return the rows of the keys that `keys` selects; of a key without rows one that says so (`is_deleted`)."""
    names = table.unit.key_names
    listed = ", ".join(names)
    given = [f"k.{name}" for name in names]
    found = [f"t.{column.name}" for column in table.columns if column.name not in names]
    of_keys = " AND (" + _list_sql(table.key_columns) + ") IN (SELECT * FROM keys)"  # noqa: S608 - texts of ours
    return (
        "WITH keys (" + listed + ") AS MATERIALIZED (" + keys + ") SELECT " + ", ".join((*given, *found))  # noqa: S608 - texts of ours
        + ", t." + names[0] + " IS NULL AS " + IS_DELETED
        + " FROM keys k LEFT JOIN (" + _select(table, "", of_keys) + ") t USING (" + listed + ")"
    )  # fmt: skip


def any_changed(unit: Unit) -> str:
    """Return whether any key of `unit` changed."""
    return "SELECT EXISTS (" + select_changed(unit) + ")"


def count_by_tenant(table: StarTable) -> str:
    """Return (tenant, rows)."""
    tenant = table.columns[0].sql
    return _count(table, [tenant + "::text"], _and_of_tenant(tenant))


def count_by_bucket(table: StarTable) -> str:
    """Return (tenant, bucket, rows) of the tenants in `tenants`."""
    tenant = table.columns[0].sql
    return _count(table, [tenant + "::text", _bucket_of(table)], " AND " + tenant + " = ANY (%(tenants)s::uuid[])")


def count_by_key(table: StarTable) -> str:
    """Return (key columns, rows) of the tenants in `tenants`: of one `bucket`, or of all where it is null."""
    keys = ["(" + column.sql + ")::text" for column in table.key_columns]
    some = " AND " + table.columns[0].sql + " = ANY (%(tenants)s::uuid[])"
    return _count(table, keys, some + " AND (%(bucket)s::text IS NULL OR " + _bucket_of(table) + " = %(bucket)s)")


def _and_of_tenant(column: str) -> str:
    return " AND (%(tenant)s::uuid IS NULL OR " + column + " = %(tenant)s::uuid)"


def _bucket_of(table: StarTable) -> str:
    return take_bucket("(" + table.key_columns[-1].sql + ")::text")


def _list_sql(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.sql for column in columns)


def _select(table: StarTable, last_column: str, and_also: str) -> str:
    columns = ", ".join(column.sql + " AS " + column.name for column in table.columns)
    return (
        "SELECT " + columns + last_column + " FROM " + table.source + " " + table.lookup  # noqa: S608 - texts of ours
        + " WHERE " + table.where + and_also
    )  # fmt: skip


def _count(table: StarTable, groups: list[str], and_also: str) -> str:
    places = ", ".join(str(place + 1) for place in range(len(groups)))
    return (
        "SELECT " + ", ".join(groups) + ", count(*) FROM " + table.source  # noqa: S608 - texts of ours
        + " WHERE " + table.where + and_also + " GROUP BY " + places
    )  # fmt: skip
