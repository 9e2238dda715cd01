"""The engines' fixtures give working engines, and what the tests below do to one of them it survives."""

from pathlib import Path

import httpx
import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from crm_local.engines import EngineFailed, Postgres, free_ports
from crm_local.engines.java import to_properties
from crm_local.engines.postgres import VOLATILE

pytestmark = pytest.mark.engines


def test_postgres_is_18_and_decodes_logically(postgres_admin_dsn: str) -> None:
    with psycopg.connect(postgres_admin_dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('wal_level'), current_setting('server_version_num')"
        ).fetchone()
        assert row is not None
        assert row[0] == "logical"
        assert int(row[1]) >= 180000
        assert connection.execute("SELECT uuidv7()").fetchone() is not None


async def test_kafka_takes_records_but_makes_no_topic_by_itself(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("local.test", num_partitions=2, replication_factor=1)])
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
        await producer.start()
        sent = await producer.send_and_wait("local.test", b"value", key=b"key")
        await producer.stop()
        assert sent.offset == 0
        assert "local.mistyped" not in await admin.list_topics()
    finally:
        await admin.delete_topics(["local.test"])
        await admin.close()


def test_elasticsearch_takes_documents(elasticsearch_url: str) -> None:
    with httpx.Client(base_url=elasticsearch_url) as client:
        assert client.put("/local-test").status_code == httpx.codes.OK
        client.put("/local-test/_doc/1?refresh=true", json={"name": "Acme"})
        found = client.get("/local-test/_search", params={"q": "name:acme"}).json()
        client.delete("/local-test")
    assert found["hits"]["total"]["value"] == 1


def test_postgres_starts_again_after_a_crash_with_what_was_committed(engine_home: Path) -> None:
    postgres = Postgres(engine_home / "postgres", free_ports(1)[0]).start().wait_ready()
    try:
        with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
        postgres.kill()
        assert not postgres.is_ready()
        postgres.start().wait_ready()
        with psycopg.connect(postgres.admin_dsn) as connection:
            assert connection.execute("SELECT id FROM kept").fetchone() == (1,)
    finally:
        postgres.stop()


def test_java_reads_a_path_of_any_letters() -> None:
    folder = "/home/jörg/東京 🦉/a\\b"
    assert to_properties({"log.dirs": folder}) == ("log.dirs=/home/j\\u00f6rg/\\u6771\\u4eac \\ud83e\\udd89/a\\\\b\n")


def test_a_start_that_fails_says_what_the_log_said(engine_home: Path) -> None:
    broken = Postgres(engine_home / "postgres", free_ports(1)[0], settings={**VOLATILE, "no_such_setting": "1"})
    with pytest.raises(EngineFailed, match="no_such_setting"):
        broken.start().wait_ready()
