"""How PostgreSQL means to read for a statement: what it plans, or what it has read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import asyncpg

from crm_shared.database import Connection


async def explain(connection: Connection, query: str, *args: Any, analyzed: bool = False) -> Mapping[str, Any]:
    """Return the plan of a statement, the upmost node; `analyzed`: with what was read, as it is carried out."""
    options = "ANALYZE, FORMAT JSON" if analyzed else "FORMAT JSON"
    [explained] = json.loads(await connection.fetchval(f"EXPLAIN ({options}) {query}", *args))
    plan: Mapping[str, Any] = explained["Plan"]
    return plan


class Explaining:
    """Keeps the plans of the statements that it is handed: all of them, and `plan`, the last one's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[Mapping[str, Any]] = []

    @property
    def plan(self) -> Mapping[str, Any]:
        return self.plans[-1]

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        self.plans.append(await explain(self._connection, query, *args))
        return []

    async def fetchrow(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def fetchval(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def execute(self, query: str) -> str:
        """Carry out what sets how to plan; nothing else is to be executed while plans are looked at."""
        if "SET LOCAL" not in query:
            raise NotImplementedError(query)
        return await self._connection.execute(query)


class Measuring(Explaining):
    """Answers each statement, and adds up the rows that were read of tables and indexes for all of them."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.rows_read = 0

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        self.plans.append(await explain(self._connection, query, *args, analyzed=True))
        self.rows_read += sum(_count_rows(node) for node in list_nodes(self.plan) if _reads_rows(node))
        return list(await self._connection.fetch(query, *args))


def _reads_rows(node: Mapping[str, Any]) -> bool:
    return "Relation Name" in node or "Index Name" in node


def _count_rows(node: Mapping[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int(node["Actual Loops"] * (node["Actual Rows"] + removed))


def list_nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a plan's nodes, the upper ones first."""
    yield node
    for part in node.get("Plans", ()):
        yield from list_nodes(part)


def list_scans(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each read of a table or an index: its kind, and what of."""
    return [
        (one["Node Type"], one.get("Index Name") or one.get("Relation Name", ""))
        for one in list_nodes(node)
        if "Scan" in one["Node Type"] and one["Node Type"] != "Values Scan"
    ]


def list_reads(plan: Mapping[str, Any], table: str) -> Iterator[str]:
    """Yield how a plan reads a table: each scan's index, or the kind of a scan without one."""
    for node in list_nodes(plan):
        is_table_s = node.get("Relation Name") == table and node["Node Type"] != "Bitmap Heap Scan"
        if is_table_s or node["Node Type"] == "Bitmap Index Scan":
            yield node.get("Index Name", node["Node Type"])
