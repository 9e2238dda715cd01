"""Downloads locked artifacts in parallel, verifies them, and keeps them in the cache under their own names."""

import fcntl
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from crm_local.engines.lock import LockedArtifact

PARALLEL_DOWNLOADS = 8
ATTEMPTS = 4
TIMEOUT_S = 60


class FetchFailed(Exception):
    """An artifact could not be had, or is not the one that the lock names."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process: another that fetches or unpacks at the same time waits for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Progress:
    """One line on a terminal, rewritten; a line every few seconds elsewhere. Thread-safe."""

    def __init__(self, total_bytes: int, files: int) -> None:
        self._total_bytes = total_bytes
        self._files = files
        self._bytes = 0
        self._lock = threading.Lock()
        self._interval_s = 0.2 if sys.stderr.isatty() else 5.0
        self._shown_at = time.monotonic()

    @contextmanager
    def file(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield self.add

    def add(self, count: int) -> None:
        with self._lock:
            self._bytes += count
            now = time.monotonic()
            if now - self._shown_at >= self._interval_s:
                self._shown_at = now
                self._show()

    def finish(self) -> None:
        self._show()
        if sys.stderr.isatty():
            sys.stderr.write("\n")

    def _show(self) -> None:
        line = f"fetching engines: {self._bytes / 1e6:.0f} of {self._total_bytes / 1e6:.0f} MB, {self._files} files"
        sys.stderr.write(f"\r{line}" if sys.stderr.isatty() else f"{line}\n")
        sys.stderr.flush()


def fetch(artifacts: Sequence[LockedArtifact], folder: Path) -> list[Path]:
    """Have every artifact as a verified file in `folder`; what is there already is not fetched again.

    The caller holds `locked(folder)`'s parent. Raises FetchFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [artifact for artifact in artifacts if not (folder / artifact.filename).exists()]
    if missing:
        progress = Progress(sum(artifact.bytes for artifact in missing), len(missing))
        # The largest first, so that the last to come is a small one.
        missing.sort(key=lambda artifact: -artifact.bytes)
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as partial,
            ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
        ):
            futures = [pool.submit(_download, artifact, Path(partial), folder, progress) for artifact in missing]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        progress.finish()
    return [folder / artifact.filename for artifact in artifacts]


def _download(artifact: LockedArtifact, partial: Path, folder: Path, progress: Progress) -> None:
    # These two take half a second, and nearly every start finds all in the cache.
    import requests  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    repository = partial / artifact.filename
    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress.file),
        repo_cache=repository,
        local_repos=[],
        timeout=TIMEOUT_S,
    )
    wanted = (
        context.project(artifact.group, artifact.artifact)
        .at_version(artifact.version)
        .artifact(classifier=artifact.classifier, packaging=artifact.packaging)
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            received = wanted.resolve()
            break
        # jgo raises RuntimeError for every answer but 200, a mirror's passing 503 included.
        except (requests.RequestException, RuntimeError, OSError) as error:
            if attempt == ATTEMPTS:
                raise FetchFailed(f"{artifact.filename}: {error}") from error
            shutil.rmtree(repository, ignore_errors=True)
            time.sleep(2**attempt)
    verify(received, artifact)
    received.rename(folder / artifact.filename)


def verify(file: Path, artifact: LockedArtifact) -> None:
    """Compare a file with the lock. Raises FetchFailed when it is another."""
    with file.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest()
    if found != artifact.sha256:
        raise FetchFailed(f"{artifact.filename}: SHA-256 is {found}, the lock says {artifact.sha256}")
