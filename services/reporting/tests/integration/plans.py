"""How PostgreSQL means to read for a statement."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

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

    async def fetchrow(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def fetchval(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)

    async def execute(self, query: str, *args: Any) -> NoReturn:
        raise NotImplementedError(query, args)


def list_nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give a plan's nodes, the upper ones first."""
    yield node
    for part in node.get("Plans", ()):
        yield from list_nodes(part)


def list_scans(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give each read of a table or an index: its kind, and what of."""
    return [
        (one["Node Type"], one.get("Index Name") or one.get("Relation Name", ""))
        for one in list_nodes(node)
        if "Scan" in one["Node Type"] and one["Node Type"] != "Values Scan"
    ]
