"""A program that is forked from a loaded process runs, ends and fails as one that is started by itself."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from crm_local.preloading import (
    MODULES,
    OF_MIGRATIONS,
    Preloader,
    Started,
    StartProgram,
    can_preload,
    start_separately,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="macOS's libraries don't bear a fork: none is made there"
)

WITHIN_S: Final = 60.0
LOADED: Final = "LOADED_BY = __import__('os').getpid()\n"
WAITING: Final = "print('up', flush=True); import time; time.sleep(60)"
DESCRIBING: Final = """
import json, os, sys
import loaded
print(json.dumps({
    "arguments": sys.argv[1:], "name": __name__, "module": __spec__.name, "environment": dict(os.environ),
    "session": os.getsid(0) == os.getpid(), "input": sys.stdin.read(), "here": os.getcwd(),
    "descriptors": sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")),
    "loaded_before": loaded.LOADED_BY != os.getpid(),
}))
"""
LOADING: Final = """
import importlib, json, sys, time
from prometheus_client import REGISTRY
before = set(sys.modules)
found = {
    "arrays": [name for name in ("numpy", "pyarrow") if sys.modules[name]],
    "ours": [name for name in before if name.startswith("crm_") and name != "crm_local"],
    "metrics": [name for name in REGISTRY._names_to_collectors if name.startswith("crm_")],
}
for service in ("contacts", "deals", "activities", "search", "reporting"):
    for room in ("cli", "app", "worker"):
        importlib.import_module(f"crm_{service}.{room}")
for module in ("bus.worker", "http.server", "outbox.relay", "database.migrations"):
    importlib.import_module(f"crm_shared.{module}")
found["more"] = [
    name for name in sys.modules
    if name not in before and not name.startswith("crm_") and name.split(".")[0] not in sys.stdlib_module_names
]
print(json.dumps(found), flush=True)
time.sleep(60)
"""
ENDINGS: Final = {
    "pass": 0,
    "import sys; sys.exit(3)": 3,
    "import sys; sys.exit('no such tenant')": 1,
    "raise ValueError('odd')": 1,
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": -9,
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)": -15,
    "import atexit; atexit.register(print, 'done at the end')": 0,
    "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('done'))).start()": 0,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def preloader(folder: Path) -> Iterator[Preloader]:
    (folder / "loaded").mkdir()
    (folder / "loaded" / "__init__.py").write_text(LOADED)
    preloader = Preloader(["loaded", "there_is_no_such_module"])
    yield preloader
    preloader.close()


def start(by: StartProgram, folder: Path, code: str, *arguments: str, log: str = "log") -> Started:
    (folder / "subject.py").write_text(code)
    environment = {"PYTHONPATH": str(folder), "CRM_HTTP_PORT": "1"}
    with (folder / log).open("ab") as output:
        return by([sys.executable, "-m", "subject", *arguments], environment, output)


def start_waiting(preloader: Preloader, folder: Path) -> Started:
    """Return one that runs until it is ended."""
    process = start(preloader.start, folder, WAITING, "worker")
    wait(lambda: (folder / "log").read_text() == "up\n")
    return process


def wait_for_end(process: Started) -> int:
    wait(lambda: process.poll() is not None)
    status = process.poll()
    assert status is not None
    return status


def wait(happened: Callable[[], bool]) -> None:
    give_up_at_s = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < give_up_at_s
        time.sleep(0.01)


def describe(by: StartProgram, folder: Path, log: str) -> dict[str, Any]:
    assert wait_for_end(start(by, folder, DESCRIBING, "worker", "--all", log=log)) == 0
    seen: dict[str, Any] = json.loads((folder / log).read_text())
    return seen


def test_it_sees_what_it_would_see_by_itself_and_what_was_loaded(folder: Path, preloader: Preloader) -> None:
    by_itself, forked = describe(start_separately, folder, "by_itself"), describe(preloader.start, folder, "forked")
    assert (by_itself.pop("loaded_before"), forked.pop("loaded_before")) == (False, True)
    for seen in (by_itself, forked):
        seen["environment"].pop("LC_CTYPE", None)  # Python's own, where no locale is set
    assert forked == by_itself
    assert forked["environment"] == {"PYTHONPATH": str(folder), "CRM_HTTP_PORT": "1"}


@pytest.mark.parametrize("code", ENDINGS)
def test_it_ends_as_it_would_by_itself(folder: Path, preloader: Preloader, code: str) -> None:
    assert wait_for_end(start(start_separately, folder, code, log="by_itself")) == ENDINGS[code]
    assert wait_for_end(start(preloader.start, folder, code, log="forked")) == ENDINGS[code]
    last_lines = [(folder / log).read_text().splitlines()[-1:] for log in ("by_itself", "forked")]
    assert last_lines[0] == last_lines[1]


def test_two_draw_no_ids_or_numbers_alike(folder: Path, preloader: Preloader) -> None:
    (folder / "loaded" / "__init__.py").write_text(
        "import random, uuid_utils.compat as ids\nids.uuid7(), random.random()\n"
    )
    code = "import loaded\nprint(str(loaded.ids.uuid7())[-12:], loaded.random.random())"
    for log in ("first", "second"):
        assert wait_for_end(start(preloader.start, folder, code, log=log)) == 0
    first, second = ((folder / log).read_text().split() for log in ("first", "second"))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_it_is_known_by_its_own_name_and_the_suite_that_it_belongs_to(
    folder: Path, preloader: Preloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_LOCAL_HOME", "/somewhere/.crm")
    process = start_waiting(preloader, folder)
    seen = psutil.Process(process.pid)
    assert " ".join(seen.cmdline()).strip() == "subject worker"
    assert seen.environ()["CRM_LOCAL_HOME"] == "/somewhere/.crm"
    os.kill(process.pid, signal.SIGTERM)
    assert wait_for_end(process) == -signal.SIGTERM


def test_what_was_forked_outlives_the_loaded_process_and_the_next_one_is_forked_from_another(
    folder: Path, preloader: Preloader
) -> None:
    orphan = start_waiting(preloader, folder)
    loaded = psutil.Process(orphan.pid).parent()
    assert loaded is not None
    loaded.kill()
    wait(lambda: not loaded.is_running() or loaded.status() == psutil.STATUS_ZOMBIE)
    assert orphan.poll() is None
    assert wait_for_end(start(preloader.start, folder, "pass")) == 0
    os.kill(orphan.pid, signal.SIGTERM)
    assert wait_for_end(orphan) == -signal.SIGKILL, "how it ended nobody has seen"


def test_closed_it_ends_with_the_last_of_what_it_forked(folder: Path, preloader: Preloader) -> None:
    process = start_waiting(preloader, folder)
    loaded = psutil.Process(process.pid).parent()
    preloader.close(timeout_s=0)
    assert loaded is not None
    assert loaded.is_running()
    assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    assert wait_for_end(process) == -signal.SIGTERM
    preloader.close()
    assert not loaded.is_running()


def test_what_a_suite_loads_is_what_its_programs_need_of_other_packages(folder: Path) -> None:
    """Of threads a fork leaves nothing but the locks they held; what is loaded of ours would show its metrics."""
    preloader = Preloader(MODULES + OF_MIGRATIONS)
    process = start(preloader.start, folder, LOADING)
    wait(lambda: (folder / "log").read_text().endswith("\n"))
    found = json.loads((folder / "log").read_text())
    assert found["arrays"] == found["ours"] == found["metrics"] == []
    assert len(found["more"]) < 20, found["more"]
    loaded = psutil.Process(process.pid).parent()
    assert loaded is not None
    assert loaded.num_threads() == 1
    os.kill(process.pid, signal.SIGKILL)
    assert wait_for_end(process) == -signal.SIGKILL
    preloader.close()


def test_it_can_be_turned_off() -> None:
    assert can_preload({})
    assert not can_preload({"CRM_LOCAL_PRELOAD": "no"})
