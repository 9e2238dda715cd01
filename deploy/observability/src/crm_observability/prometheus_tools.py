"""Prometheus, Alertmanager and their tools for tests: those on PATH, else Debian's, unpacked into the engines' cache.

Nothing is installed: packages are fetched by apt with lists of its own, which needs no rights and changes no system,
and checks Debian's signatures. What the packages depend on is only needed by the services that they would set up.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Literal

from crm_local.engines.account import cache_folder
from crm_local.engines.fetch import locked

PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
Tool = Literal["prometheus", "promtool", "amtool"]
FETCH_WITHIN_S: Final = 300


class ToolMissing(Exception):
    """The tool is not on PATH, and this system has no apt that could fetch it."""


def find_tool(name: Tool) -> Path:
    """Return where the tool is; fetched at the first time. Raises ToolMissing."""
    if found := shutil.which(name):
        return Path(found)
    cache = cache_folder()
    target = cache / "debian-prometheus"
    if not target.exists():
        with locked(cache):
            if not target.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
                    _unpack(Path(scratch))
                    (Path(scratch) / "root").rename(target)
    return target / "usr" / "bin" / name


def _unpack(scratch: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ToolMissing("there is no apt to fetch Prometheus by: put prometheus, promtool and amtool on PATH")
    lists, archives = scratch / "lists", scratch / "archives"
    for folder in (lists / "partial", archives / "partial", scratch / "root"):
        folder.mkdir(parents=True)
    options = {
        "Dir::State::Lists": lists,
        "Dir::Cache": archives,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",  # Debian's account for fetching has no way into a folder of ours
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    try:
        for command in ([*apt, "update"], [*apt, "download", *PACKAGES]):
            _run(command, scratch)
        for archive in scratch.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(archive), str(scratch / "root")], scratch)
    except subprocess.CalledProcessError as error:
        raise ToolMissing(f"Prometheus could not be fetched: {error.stdout}{error.stderr}") from error


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=FETCH_WITHIN_S)  # noqa: S603 - ours
