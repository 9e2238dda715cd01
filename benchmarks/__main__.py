"""Run the benchmarks and print a table of ratios: `make bench`, or `make bench ARGS="--only http"`."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks import (
    activities,
    arrival,
    boards,
    costs,
    feeds,
    http_deals,
    import_beside_relay,
    importing,
    indexing,
    lists,
    long_batches,
    long_pages,
    moving,
    next_steps,
    own_writes,
    projecting,
    relaying,
    reminders,
    searching,
    timelines,
    webhooks,
)
from benchmarks.arena import Row, prepared
from benchmarks.duplicates import report as duplicates
from benchmarks.relevance import report as relevance
from benchmarks.reports import measuring as reports
from benchmarks.reports import projecting as history
from crm_local.engines.native import NativeEngines, native_engines

console = Console(width=int(os.environ.get("COLUMNS", "150")))


async def _http(engines: NativeEngines) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await http_deals.run(arena)


async def _relay(engines: NativeEngines) -> list[Row]:
    async with prepared("contacts", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await relaying.run(arena)


async def _projection(engines: NativeEngines) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await projecting.run(arena)


async def _duplicates(engines: NativeEngines) -> list[Row]:
    async with prepared("contacts", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await duplicates.run(arena)


async def _arrival(_engines: NativeEngines) -> list[Row]:
    return await arrival.run()


async def _costs(_engines: NativeEngines) -> list[Row]:
    return await costs.run()


async def _own_writes(_engines: NativeEngines) -> list[Row]:
    return await own_writes.run()


async def _lists(engines: NativeEngines, rows: int) -> list[Row]:
    async with prepared("contacts", engines.postgres_admin_dsn) as arena:
        return await lists.run(arena, rows=rows)


async def _imports(engines: NativeEngines) -> list[Row]:
    async with prepared("contacts", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await importing.run(arena)


async def _long_import(engines: NativeEngines) -> list[Row]:
    async with prepared("contacts", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await import_beside_relay.run(arena)


async def _moves(engines: NativeEngines) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await moving.run(arena)


async def _activities(engines: NativeEngines) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn) as arena:
        return await activities.run(arena)


async def _feeds(engines: NativeEngines) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn) as arena:
        return await feeds.run(arena)


async def _long_pages(engines: NativeEngines) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn) as arena:
        return await long_pages.run(arena)


async def _long_batches(engines: NativeEngines) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn) as arena:
        return await long_batches.run(arena)


async def _reminders(engines: NativeEngines) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await reminders.run(arena)


async def _boards(engines: NativeEngines) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn) as arena:
        return await boards.run(arena, engines.postgres_admin_dsn)


async def _timelines(engines: NativeEngines, rows: int) -> list[Row]:
    async with prepared("activities", engines.postgres_admin_dsn) as arena:
        return await timelines.run(arena, rows=rows)


async def _next_steps(engines: NativeEngines, rows: int) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn) as arena:
        return await next_steps.run(arena, rows=rows)


async def _webhooks(engines: NativeEngines) -> list[Row]:
    async with prepared("deals", engines.postgres_admin_dsn) as arena:
        return await webhooks.run(arena)


async def _relevance(engines: NativeEngines) -> list[Row]:
    return await relevance.run(engines.postgres_admin_dsn, engines.elasticsearch_url)


async def _search(engines: NativeEngines, documents: int) -> list[Row]:
    async with prepared("search", engines.postgres_admin_dsn) as arena:
        return await searching.run(arena, engines.elasticsearch_url, documents=documents)


async def _indexing(engines: NativeEngines) -> list[Row]:
    async with prepared("search", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await indexing.run(arena, engines.elasticsearch_url)


async def _history(engines: NativeEngines) -> list[Row]:
    async with prepared("reporting", engines.postgres_admin_dsn, engines.kafka_bootstrap) as arena:
        return await history.run(arena)


async def _reports(engines: NativeEngines, deals: int) -> list[Row]:
    async with prepared("reporting", engines.postgres_admin_dsn) as arena:
        return await reports.run(arena, deals=deals)


PARTS: dict[str, Callable[[NativeEngines], Awaitable[list[Row]]]] = {
    "http": _http,
    "moves": _moves,
    "activities": _activities,
    "feeds": _feeds,
    "long-pages": _long_pages,
    "long-batches": _long_batches,
    "reminders": _reminders,
    "boards": _boards,
    "webhooks": _webhooks,
    "relay": _relay,
    "projection": _projection,
    "duplicates": _duplicates,
    "relevance": _relevance,
    "indexing": _indexing,
    "search": partial(_search, documents=searching.DOCUMENTS),
    "arrival": _arrival,
    "costs": _costs,
    "own-writes": _own_writes,
    "imports": _imports,
    "long-import": _long_import,
    "lists": partial(_lists, rows=lists.LARGE),
    "timelines": partial(_timelines, rows=timelines.LARGE),
    "next-steps": partial(_next_steps, rows=next_steps.LARGE),
    "history": _history,
    "reports": partial(_reports, deals=reports.DEALS),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument(
        "--rows",
        type=int,
        default=lists.LARGE,
        help="records of the large tenant, for lists, timelines and next steps",
    )
    parser.add_argument("--deals", type=int, default=reports.DEALS, help="deals of the large tenant, for reports")
    parser.add_argument(
        "--documents", type=int, default=searching.DOCUMENTS, help="documents of the tenant, for search"
    )
    arguments = parser.parse_args()
    chosen = arguments.only or list(PARTS)
    parts = dict(PARTS)
    parts["lists"] = partial(_lists, rows=arguments.rows)
    parts["timelines"] = partial(_timelines, rows=arguments.rows)
    parts["next-steps"] = partial(_next_steps, rows=arguments.rows)
    parts["search"] = partial(_search, documents=arguments.documents)
    parts["reports"] = partial(_reports, deals=arguments.deals)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    rows: list[Row] = []
    needed = ["postgres", "kafka", *(["elasticsearch"] if {"relevance", "indexing", "search"} & set(chosen) else [])]
    with native_engines(*needed, autovacuum=True) as engines:
        for name in chosen:
            console.print(f"running {name} …")
            rows += asyncio.run(_run(parts[name], engines))
    console.print(_to_table(rows))


async def _run(part: Callable[[NativeEngines], Awaitable[list[Row]]], engines: NativeEngines) -> list[Row]:
    return await part(engines)


def _to_table(rows: list[Row]) -> Table:
    table = Table(title=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for column in ("what", "ours", "reference", "ratio", "aim"):
        table.add_column(column)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, row.ours, row.reference, ratio, "" if row.aim is None else f">= {row.aim:.3g}")
    return table


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
