"""How PostgreSQL means to read for a statement."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import asyncpg

from crm_shared.database import Connection


class Explaining:
    """Keeps the plans of the statements that it is handed: all of them, and `plan`, the last one's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[Mapping[str, Any]] = []

    @property
    def plan(self) -> Mapping[str, Any]:
        return self.plans[-1]

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        [explained] = json.loads(await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *args))
        self.plans.append(explained["Plan"])
        return []

    async def fetchrow(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def fetchval(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def execute(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)


class Measuring(Explaining):
    """Answers each statement, and adds up the rows that were read of tables and indexes for all of them."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.rows_read = 0

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        [explained] = json.loads(await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *args))
        self.plans.append(explained["Plan"])
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
