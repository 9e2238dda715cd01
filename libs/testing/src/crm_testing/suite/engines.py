"""Pytest plugin: the real engines, started once per run and only those that the collected tests ask for.

A test names what it needs: `postgres_admin_dsn`, `kafka_bootstrap`, `elasticsearch_url` (all str). `engines` gives the
same as properties, each engine starting when first read. CRM_TEST_ENGINES chooses where they come from:
`native` (default), `containers` (testcontainers), or `external` (CRM_TEST_POSTGRES_ADMIN_DSN,
CRM_TEST_KAFKA_BOOTSTRAP, CRM_TEST_ELASTICSEARCH_URL). With `-n` several processes test on the same engines
(`crm_testing.suite.workers`).
"""

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from xdist.scheduler import Scheduling

from crm_testing.migrated_databases import drop_templates
from crm_testing.suite.left_running import HOMES_VARIABLE, stop_left_running
from crm_testing.suite.sources import Engines, open_engines
from crm_testing.suite.workers import AskedEngines, GroupsTogether, answering, note_groups, put_slow_first

ENGINE_OF_FIXTURE = {
    "postgres_admin_dsn": "postgres",
    "kafka_bootstrap": "kafka",
    "elasticsearch_url": "elasticsearch",
}
ENGINES = pytest.StashKey[Engines]()
FOLDER = pytest.StashKey[str]()
INPUT = "crm_engines"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Be ready to start what the test processes will ask for."""
    stack = ExitStack()
    config.add_cleanup(stack.close)
    engines = stack.enter_context(open_engines())
    config.stash[FOLDER] = stack.enter_context(TemporaryDirectory(prefix="crm-test-engines-"))
    os.environ[HOMES_VARIABLE] = config.stash[FOLDER]
    stack.callback(stop_left_running, Path(config.stash[FOLDER]))
    stack.enter_context(answering(Path(config.stash[FOLDER]), engines))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[INPUT] = node.config.stash[FOLDER]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return GroupsTogether(config, log, Path(config.stash[FOLDER]))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what asks for an engine, said or not: `-m "not engines"` starts none."""
    if {*ENGINE_OF_FIXTURE, "engines"}.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.engines)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    put_slow_first(items)
    if folder := _asked_in(config):
        note_groups(folder, items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what the collected tests need before the first runs: unit tests then pass while engines come up."""
    if session.config.option.collectonly:
        return
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    names = [engine for fixture, engine in ENGINE_OF_FIXTURE.items() if fixture in used]
    if not names and "engines" not in used:
        return
    if folder := _asked_in(session.config):
        session.config.stash[ENGINES] = AskedEngines(folder, names)
        return
    stack = ExitStack()
    session.config.add_cleanup(stack.close)
    session.config.stash[ENGINES] = stack.enter_context(open_engines(*names))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    asyncio.run(drop_templates())


def _asked_in(config: pytest.Config) -> Path | None:
    """Return the folder where this process asks for engines, None when it is the only one."""
    folder: str | None = getattr(config, "workerinput", {}).get(INPUT)
    return Path(folder) if folder else None


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
