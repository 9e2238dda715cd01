"""A set of engines for one test run or one developer: free ports, throw-away data, started together."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from crm_local.engines.elasticsearch import Elasticsearch
from crm_local.engines.engine import Engine
from crm_local.engines.install import prefetch
from crm_local.engines.kafka import Kafka
from crm_local.engines.ports import free_ports
from crm_local.engines.postgres import VOLATILE, Postgres
from crm_local.engines.postgres_standby import PostgresStandby

ENGINE_NAMES = ("postgres", "kafka", "elasticsearch")
TEST_KAFKA_HEAP_MB = 384


class NativeEngines:
    """PostgreSQL, Kafka and Elasticsearch under `home`, each started when first asked for, or ahead by `begin`.

    `postgres`, `kafka` and `elasticsearch` are there to be stopped, killed and started again by a test of faults.
    """

    def __init__(self, home: Path, *, kafka_heap_mb: int = TEST_KAFKA_HEAP_MB, autovacuum: bool = False) -> None:
        ports = free_ports(4)
        settings = {**VOLATILE, "autovacuum": "on"} if autovacuum else VOLATILE
        self.postgres = Postgres(home / "postgres", ports[0], settings=settings)
        self.kafka = Kafka(home / "kafka", ports[1], ports[2], heap_mb=kafka_heap_mb)
        self.elasticsearch = Elasticsearch(home / "elasticsearch", ports[3])
        self._engines: dict[str, Engine] = {
            engine.name: engine for engine in (self.postgres, self.kafka, self.elasticsearch)
        }
        self._pool = ThreadPoolExecutor(len(ENGINE_NAMES), thread_name_prefix="engines")
        self._begun: dict[str, Future[Engine]] = {}
        self._beginning = Lock()

    @property
    def postgres_admin_dsn(self) -> str:
        self._await("postgres")
        return self.postgres.admin_dsn

    @property
    def kafka_bootstrap(self) -> str:
        self._await("kafka")
        return self.kafka.bootstrap

    @property
    def elasticsearch_url(self) -> str:
        self._await("elasticsearch")
        return self.elasticsearch.url

    def begin(self, *names: str) -> Self:
        """Fetch what `names` need, and start them side by side; returns while they come up."""
        with self._beginning:
            wanted = [name for name in names if name not in self._begun]
            prefetch(*wanted)
            # Slowest first: on two cores the order of starting is nearly the order of being ready.
            for name in sorted(wanted, key=lambda name: -ENGINE_NAMES.index(name)):
                self._begun[name] = self._pool.submit(self._engines[name].start)
        return self

    def stop(self) -> None:
        """Stop all that was begun. Nothing of their data is needed again, so they are not asked politely."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for name in self._begun:
            self._engines[name].kill()

    def _await(self, name: str) -> None:
        self.begin(name)
        self._begun[name].result().wait_ready()


@contextmanager
def native_engines(*names: str, autovacuum: bool = False) -> Iterator[NativeEngines]:
    """Yield a set of engines in a temporary folder, `names` of them begun at once; stops them and removes their data.

    With `autovacuum` PostgreSQL gathers statistics by itself, as in production: what is measured there wants them.
    """
    with _temporary_home() as home:
        engines = NativeEngines(home, autovacuum=autovacuum)
        try:
            yield engines.begin(*names)
        finally:
            engines.stop()


@contextmanager
def streaming_pair(settings: Mapping[str, str] | None = None) -> Iterator[tuple[Postgres, PostgresStandby]]:
    """Yield a PostgreSQL and a standby that follows it, both ready; `settings` are the standby's."""
    with _temporary_home() as home:
        ports = free_ports(2)
        # As in production, what has committed is written: only then a WAL position tells of all that has.
        primary = Postgres(home / "primary", ports[0], settings={**VOLATILE, "synchronous_commit": "on"})
        standby = PostgresStandby(home / "standby", ports[1], primary, settings={**VOLATILE, **(settings or {})})
        try:
            primary.start().wait_ready()
            standby.start().wait_ready()
            yield primary, standby
        finally:
            standby.kill()
            primary.kill()


@contextmanager
def _temporary_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="crm-engines-"))
    # The engines' account has to pass through.
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
