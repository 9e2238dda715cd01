"""Several test processes beside each other (pytest-xdist), all on one set of engines.

The tests of a file stay together in one process; so do those of all files with one mark `xdist_group`, as what acts on
the one running suite. Every process makes databases, topics and indices of names of its own.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from crm_testing.suite.sources import Engines

WITHIN_S: Final = 600.0
"""A first run on a slow line fetches the engines meanwhile."""
POLL_S: Final = 0.1
GROUPS: Final = "groups.json"
SLOW_FIRST: Final = ("xdist_group", "slow", "faults", "engines")
READERS: Final[dict[str, Callable[[Engines], str]]] = {
    "postgres": lambda engines: engines.postgres_admin_dsn,
    "kafka": lambda engines: engines.kafka_bootstrap,
    "elasticsearch": lambda engines: engines.elasticsearch_url,
}


class GroupsTogether(LoadScopeScheduling):  # type: ignore[misc]  # untyped, hence Any
    """Hands out whole groups, as a test process has written them down in `folder`.

    pytest-xdist's own scheduling by mark reads it off the tests' names, where pytest 9.2 no longer lets it write.
    """

    def __init__(self, config: pytest.Config, log: Any, folder: Path) -> None:
        super().__init__(config, log)
        self._folder = folder
        self._groups: dict[str, str] = {}

    def _split_scope(self, nodeid: str) -> str:
        self._groups = self._groups or json.loads((self._folder / GROUPS).read_text())
        return self._groups[nodeid]


def note_groups(folder: Path, items: list[pytest.Item]) -> None:
    """Write down which group each test belongs to, for GroupsTogether."""
    _write_whole(folder / GROUPS, json.dumps({item.nodeid: _group_of(item) for item in items}))


def put_slow_first(items: list[pytest.Item]) -> None:
    """Order `items` so that no long group is begun when all else is done, each group's tests one after the other.

    Which group of one rank comes first is left to chance, as is the order within a group.
    """
    ranks: dict[str, int] = {}
    for item in items:
        ranks[_group_of(item)] = min(_rank(item), ranks.get(_group_of(item), len(SLOW_FIRST)))
    places = {group: place for place, group in enumerate(ranks)}
    items.sort(key=lambda item: (ranks[group := _group_of(item)], places[group]))


def _group_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else str(item.path)


def _rank(item: pytest.Item) -> int:
    """Return the place of the first of its marks in SLOW_FIRST; who has none comes last."""
    return next((rank for rank, mark in enumerate(SLOW_FIRST) if item.get_closest_marker(mark)), len(SLOW_FIRST))


class AskedEngines:
    """The engines as a test process sees them: asked for in `folder`, where the first process answers."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._folder = folder
        for name in names:
            (folder / f"{name}.wanted").touch()

    @property
    def postgres_admin_dsn(self) -> str:
        return self._wait_for("postgres")

    @property
    def kafka_bootstrap(self) -> str:
        return self._wait_for("kafka")

    @property
    def elasticsearch_url(self) -> str:
        return self._wait_for("elasticsearch")

    def _wait_for(self, name: str) -> str:
        (self._folder / f"{name}.wanted").touch()
        give_up_at_s = time.monotonic() + WITHIN_S
        while time.monotonic() < give_up_at_s:
            if (failure := self._folder / f"{name}.failed").exists():
                pytest.fail(failure.read_text(), pytrace=False)
            if (address := self._folder / f"{name}.ready").exists():
                return address.read_text()
            time.sleep(POLL_S)
        pytest.fail(f"{name} did not come up within {WITHIN_S:.0f} s", pytrace=False)


@contextmanager
def answering(folder: Path, engines: Engines) -> Iterator[None]:
    """Start each of `engines` when a test process asks for it in `folder`, and say there where it is."""
    ended = threading.Event()

    def answer(name: str, read: Callable[[Engines], str]) -> None:
        while not (folder / f"{name}.wanted").exists():
            if ended.wait(POLL_S):
                return
        try:
            _write_whole(folder / f"{name}.ready", read(engines))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait for the engine must hear of it
            _write_whole(folder / f"{name}.failed", f"{name} does not start: {error!r}")

    threads = [threading.Thread(target=answer, args=one, name=f"start {one[0]}") for one in READERS.items()]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _write_whole(file: Path, text: str) -> None:
    part = file.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    part.rename(file)
