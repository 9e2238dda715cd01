"""How PostgreSQL means to read deals for a statement."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg

from crm_shared.database import Connection


class Explaining:
    """Keeps the plan of the statement that it is handed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plan: Mapping[str, Any] = {}

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        [explained] = json.loads(await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *args))
        self.plan = explained["Plan"]
        return []

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        raise NotImplementedError(query, args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        raise NotImplementedError(query, args)

    async def execute(self, query: str, *args: Any) -> str:
        raise NotImplementedError(query, args)


def list_reads(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a plan reads deals: each scan's index, or the kind of a scan without one."""
    if node["Node Type"] == "Bitmap Index Scan" or (
        node.get("Relation Name") == "deals" and node["Node Type"] != "Bitmap Heap Scan"
    ):
        yield node.get("Index Name", node["Node Type"])
    for part in node.get("Plans", ()):
        yield from list_reads(part)
