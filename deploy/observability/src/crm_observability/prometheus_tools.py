"""Prometheus, Alertmanager, exporters and their tools for tests: those on PATH, else Debian's, unpacked into a cache.

Nothing is installed: packages are fetched by apt with lists of its own, which needs no rights and changes no system,
and checks Debian's signatures. What the packages depend on is only needed by the services that they would set up.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Literal

from crm_local.engines.account import cache_folder
from crm_local.engines.fetch import locked

PACKAGES: Final = (
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    "prometheus-node-exporter",
    "libfaketime",
)
Tool = Literal["prometheus", "promtool", "amtool", "alertmanager", "blackbox_exporter", "node_exporter"]
DEBIANS_NAMES: Final[dict[Tool, str]] = {
    "alertmanager": "prometheus-alertmanager",
    "blackbox_exporter": "prometheus-blackbox-exporter",
    "node_exporter": "prometheus-node-exporter",
}
UNPACKED: Final = "debian-watchers"
FETCH_WITHIN_S: Final = 300


class ToolMissing(Exception):
    """The tool is not on PATH, and this system has no apt that could fetch it."""


def find_tool(name: Tool) -> Path:
    """Return where the tool is; fetched at the first time. Raises ToolMissing."""
    debians_name = DEBIANS_NAMES.get(name, name)
    if found := shutil.which(name) or shutil.which(debians_name):
        return Path(found)
    return _unpacked() / "usr" / "bin" / debians_name


def run_alertmanager() -> list[str]:
    """Return what starts Alertmanager, its arguments to follow. Raises ToolMissing.

    Debian's reads its templates where the package would have put them. For that process alone they are there: it sees
    `/usr/share` with the package's laid over it.
    """
    program = find_tool("alertmanager")
    root = cache_folder() / UNPACKED
    if not program.is_relative_to(root):
        return [str(program)]
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    laid_over = 'mount -t overlay overlay -o "lowerdir=$0/usr/share:/usr/share" /usr/share'
    run = f'{laid_over} && exec "$0/usr/bin/prometheus-alertmanager" "$@"'
    return ["unshare", *rights, "--mount", "sh", "-c", run, str(root)]


def find_faketime() -> Path:
    """Return the library that shows a process another time; fetched at the first time. Raises ToolMissing."""
    return next(_unpacked().glob("usr/lib/*/faketime/libfaketimeMT.so.1"))


def _unpacked() -> Path:
    cache = cache_folder()
    target = cache / UNPACKED
    if not target.exists():
        with locked(cache):
            if not target.exists():
                with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
                    _unpack(Path(scratch))
                    (Path(scratch) / "root").rename(target)
    return target


def _unpack(scratch: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ToolMissing("there is no apt to fetch Prometheus by: put prometheus, alertmanager and the rest on PATH")
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
