"""Pytest plugin: the real engines, started once per run and only those that the collected tests ask for.

A test names what it needs: `postgres_admin_dsn`, `kafka_bootstrap`, `elasticsearch_url` (all str). `engines` gives the
same as properties, each engine starting when first read. CRM_TEST_ENGINES chooses where they come from:
`native` (default), `containers` (testcontainers), or `external` (CRM_TEST_POSTGRES_ADMIN_DSN,
CRM_TEST_KAFKA_BOOTSTRAP, CRM_TEST_ELASTICSEARCH_URL).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from crm_local.engines.native import native_engines
from crm_local.testing.containers import container_engines

ENGINE_OF_FIXTURE = {
    "postgres_admin_dsn": "postgres",
    "kafka_bootstrap": "kafka",
    "elasticsearch_url": "elasticsearch",
}


class Engines(Protocol):
    """Where tests find the engines. Reading a property waits until that engine takes work."""

    @property
    def postgres_admin_dsn(self) -> str: ...
    @property
    def kafka_bootstrap(self) -> str: ...
    @property
    def elasticsearch_url(self) -> str: ...


@dataclass(frozen=True)
class ExternalEngines:
    """Engines that somebody else runs, named by environment variables."""

    @property
    def postgres_admin_dsn(self) -> str:
        return _required("CRM_TEST_POSTGRES_ADMIN_DSN")

    @property
    def kafka_bootstrap(self) -> str:
        return _required("CRM_TEST_KAFKA_BOOTSTRAP")

    @property
    def elasticsearch_url(self) -> str:
        return _required("CRM_TEST_ELASTICSEARCH_URL")


@contextmanager
def external_engines(*_names: str) -> Iterator[Engines]:
    yield ExternalEngines()


SOURCES: dict[str, Callable[..., AbstractContextManager[Engines]]] = {
    "native": native_engines,
    "containers": container_engines,
    "external": external_engines,
}
ENGINES = pytest.StashKey[Engines]()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what the collected tests need before the first runs: unit tests then pass while engines come up."""
    if session.config.option.collectonly:
        return
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    names = [engine for fixture, engine in ENGINE_OF_FIXTURE.items() if fixture in used]
    if not names and "engines" not in used:
        return
    source = os.environ.get("CRM_TEST_ENGINES", "native")
    if source not in SOURCES:
        raise pytest.UsageError(f"CRM_TEST_ENGINES is {source!r}: use one of {', '.join(SOURCES)}")
    stack = ExitStack()
    session.config.add_cleanup(stack.close)
    session.config.stash[ENGINES] = stack.enter_context(SOURCES[source](*names))


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Engines:
    return pytestconfig.stash[ENGINES]


@pytest.fixture(scope="session")
def postgres_admin_dsn(engines: Engines) -> str:
    """URL of the superuser, database `postgres`. Make databases of your own names in it."""
    return engines.postgres_admin_dsn


@pytest.fixture(scope="session")
def kafka_bootstrap(engines: Engines) -> str:
    return engines.kafka_bootstrap


@pytest.fixture(scope="session")
def elasticsearch_url(engines: Engines) -> str:
    return engines.elasticsearch_url


def _required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise pytest.UsageError(f"CRM_TEST_ENGINES=external needs {variable}")
    return value
