"""What a fault is injected into: a suite of the drills' own, with traffic, and all that watches it."""

import asyncio
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drills.pager import Pager, taking_calls
from drills.traffic import steady_traffic
from drills.watchers import Prometheus, watching

from crm_local.engines.ports import LOOPBACK
from crm_local.home import Home
from crm_testing.certificates import ThrowAwayAuthority
from crm_testing.suite.running import RunningCrm, find_port_base
from crm_testing.suite.tenant import User
from crm_testing.waiting import wait_until

DISK_BYTES: Final = 6 * 1024**3
GOOD_DAYS: Final = 90
SEEN_WITHIN_S: Final = 120.0
WARM_UP_S: Final = 45.0
"""What a cold start takes longer for is not looked at."""
VARIABLES: Final = {
    # In the table's own words: a client beyond what one user may is seen without a machine that serves 200 a second.
    "CRM_RATE_LIMIT_REQUESTS": "500",
    "CRM_SEARCH_INDEX_WORK_EVERY_S": str(5),
}


class ShownCertificate:
    """A TLS server whose certificate may be replaced while it runs, as a gateway's is."""

    def __init__(self, folder: Path) -> None:
        self._authority = ThrowAwayAuthority(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.port = 0
        self.show(GOOD_DAYS)

    def show(self, days: int) -> None:
        """Show one that ends in so many days from now on."""
        pair = self._authority.issue("shown", days=days)
        self._context.load_cert_chain(pair.certificate, pair.key)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(answer, LOOPBACK, 0, ssl=self._context)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield


@dataclass(frozen=True, slots=True)
class Site:
    """`disk` is where PostgreSQL's disk is mounted, None where it has no disk of its own. `user` makes the traffic."""

    crm: RunningCrm
    prometheus: Prometheus
    pager: Pager
    certificate: ShownCertificate
    user: User
    folder: Path
    disk: Path | None


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crm-drills-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the engines' account has to pass through
        yield folder


@contextmanager
def disk_of_its_own(home: Home, folder: Path) -> Iterator[Path | None]:
    """Mount a small file system where PostgreSQL of `home` keeps its data; only root may."""
    if os.geteuid() != 0:
        yield None
        return
    image, mounted = folder / "disk", home.data / "postgres"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    mounted.mkdir(parents=True)
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    _run("mount", "-o", "loop", str(image), str(mounted))
    try:
        yield mounted
    finally:
        _run("umount", str(mounted))
        shutil.rmtree(home.data, ignore_errors=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - the system's own tools


@asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    """Start everything; end it and forget it after the block."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_scratch())
        crm = RunningCrm(folder / "suite", find_port_base(), VARIABLES)
        disk = stack.enter_context(disk_of_its_own(Home(folder / "suite"), folder))
        stack.push_async_callback(crm.stop)
        await asyncio.to_thread(crm.start, "--canary")
        (watchers := folder / "watchers").mkdir()
        certificate = ShownCertificate(watchers)
        await stack.enter_async_context(certificate.serving())
        pager = stack.enter_context(taking_calls())
        user = await stack.enter_async_context(steady_traffic(crm))
        await asyncio.sleep(WARM_UP_S)
        prometheus = stack.enter_context(watching(crm, pager, watchers, shown_at=certificate.port))
        stack.push_async_callback(prometheus.close)
        await wait_until(prometheus.has_seen_all, timeout_s=SEEN_WITHIN_S)
        yield Site(crm, prometheus, pager, certificate, user, folder, disk)
