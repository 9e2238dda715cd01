"""Where tests find the engines: started for this run, in containers, or run by somebody else."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from crm_local.engines.native import native_engines


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


def _required(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise pytest.UsageError(f"CRM_TEST_ENGINES=external needs {variable}")
    return value


@contextmanager
def container_engines(*names: str) -> Iterator[Engines]:
    from crm_testing.suite import containers  # noqa: PLC0415 - half a second, and every start of pytest comes here

    with containers.container_engines(*names) as engines:
        yield engines


SOURCES: dict[str, Callable[..., AbstractContextManager[Engines]]] = {
    "native": native_engines,
    "containers": container_engines,
    "external": external_engines,
}


def open_engines(*names: str) -> AbstractContextManager[Engines]:
    """Return the engines that CRM_TEST_ENGINES chooses, `names` of them begun at once. Raises pytest.UsageError."""
    source = os.environ.get("CRM_TEST_ENGINES", "native")
    if source not in SOURCES:
        raise pytest.UsageError(f"CRM_TEST_ENGINES is {source!r}: use one of {', '.join(SOURCES)}")
    return SOURCES[source](*names)
