"""Looks for words wherever the running suite keeps anything: tables, topics, the index, log files."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_scan
from pydantic_core import to_json

from crm_shared.bus.topic_settings import read_settings
from crm_shared.bus.topics import administering
from crm_shared.service_registry import SERVICES
from crm_testing.records import read_topic
from crm_testing.suite.running import RunningCrm

# The server writes the statements, for every table that it has: none can be forgotten.
WRITE_STATEMENTS: Final = """
    SELECT format('%I.%I', table_schema, table_name) AS name,
           format('SELECT t::text FROM %I.%I AS t', table_schema, table_name) AS statement
      FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
     ORDER BY 1
"""


def spellings(words: Iterable[str]) -> set[str]:
    """Return the words, and how a bytea that holds them is written."""
    return {spelling for word in words for spelling in (word, word.encode().hex())}


async def list_tables_with(crm: RunningCrm, words: Sequence[str]) -> set[str]:
    """Name the tables, of all services' databases, with a row that holds one of the words."""
    wanted = spellings(words)
    found: set[str] = set()
    for service in SERVICES:
        database = f"crm_{service}"
        connection = await asyncpg.connect(crm.plan.postgres.admin_dsn, database=database)
        try:
            for table in await connection.fetch(WRITE_STATEMENTS):
                rows = await connection.fetch(table["statement"])
                if any(word in row[0].lower() for row in rows for word in wanted):
                    found.add(f"{service}.{table['name'].removeprefix('public.')}")
        finally:
            await connection.close()
    return found


async def list_topics_with(crm: RunningCrm, words: Sequence[str]) -> set[str]:
    """Name the topics with a record that holds one of the words, dead letters included."""
    bootstrap = crm.plan.kafka.bootstrap
    async with administering(bootstrap) as admin:
        topics = [name for name in await admin.list_topics() if not name.startswith("__")]
    found: set[str] = set()
    for topic in topics:
        for record in await read_topic(bootstrap, topic):
            raw = b"\n".join([record.key or b"", record.value or b"", *(value for _, value in record.headers)])
            if any(word in raw.decode(errors="replace").lower() for word in words):
                found.add(topic)
    return found


async def list_documents_with(client: AsyncElasticsearch, words: Sequence[str]) -> set[str]:
    """Name the documents, of all indices, that hold one of the words in what is shown or only searched."""
    await client.indices.refresh(index="*")
    everything = {"query": {"match_all": {}}, "_source": {"includes": ["*"]}, "fields": [{"field": "*"}]}
    return {
        hit["_id"]
        async for hit in async_scan(client, index="*", query=everything, size=2000)
        if any(word in to_json(hit).decode().lower() for word in words)
    }


async def count_deleted_documents(client: AsyncElasticsearch) -> int:
    """Count what is deleted and still lies in the indices' files."""
    await client.indices.refresh(index="*")
    stats = (await client.indices.stats(index="*", metric="docs")).body
    return int(stats["_all"]["primaries"]["docs"]["deleted"])


def list_logs_with(crm: RunningCrm, words: Sequence[str]) -> set[str]:
    """Name the log files of all processes, engines included, that hold one of the words."""
    files = {crm.plan.log_file(name) for name in crm.pids()} | set(crm.home.logs.rglob("*"))
    files |= set((crm.home.data / "elasticsearch" / "logs").rglob("*"))
    return {file.name for file in files if file.is_file() and _holds(file, words)}


def _holds(file: Path, words: Sequence[str]) -> bool:
    text = file.read_bytes().decode(errors="replace").lower()
    return any(word in text for word in words)


@asynccontextmanager
async def compacting_at_once(crm: RunningCrm, topics: Sequence[str]) -> AsyncIterator[None]:
    """Have Kafka compact these topics after a second in the place of a third of a day, while in the block."""
    async with administering(crm.plan.kafka.bootstrap) as admin:
        before = await read_settings(admin, topics)
        await admin.alter_configs(
            _resources({name: one | {"max.compaction.lag.ms": "1000"} for name, one in before.items()})
        )
        try:
            yield
        finally:
            await admin.alter_configs(_resources(before))


def _resources(settings: dict[str, dict[str, str]]) -> list[ConfigResource]:
    return [ConfigResource(ConfigResourceType.TOPIC, name, configs) for name, configs in settings.items()]
