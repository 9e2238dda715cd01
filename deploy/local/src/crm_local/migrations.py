"""Brings databases, roles, topics and the index to what the code wants, and remembers that it was done.

A second start skips it all where nothing changed since: five Python processes less on the way up.
"""

import asyncio
import json
import os
import signal
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from crm_local.home import Home
from crm_local.plan import Plan
from crm_local.preloading import Started, StartProgram, start_separately
from crm_shared.database_access import dsn_variable
from crm_shared.entry_points.provision import provision

LOG_TAIL_LINES = 12
POLL_S = 0.05


class MigrationFailed(Exception):
    """A service's `migrate` ended badly. The message ends in the last lines of its log."""


def is_up_to_date(home: Home, service: str) -> bool:
    """Return whether `bring_up_to_date` was done for `service` with the code as it is."""
    marker = _marker(home, service)
    return marker.exists() and marker.read_text() == fingerprint(home, service)


async def bring_up_to_date(
    plan: Plan, service: str, database: str | None = None, *, start: StartProgram = start_separately
) -> None:
    """Provision and migrate one service, or another database that is to be its. Raises MigrationFailed."""
    wanted = fingerprint(plan.home, service)
    environment = plan.service_environment(service, "migrate")
    if database is not None:
        environment[dsn_variable(service, "owner_dsn")] = plan.dsn(service, "owner", database=database)
    await provision(plan.postgres.admin_dsn, service, password_of=plan.home.password_of, database=database)
    log_file = plan.home.logs / f"{service}-migrate.log"
    with log_file.open("wb") as log:
        process = await asyncio.to_thread(start, plan.service_command(service, "migrate"), environment, log)
    status = await _wait(process)
    if status != 0:
        tail = "\n".join(log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
        raise MigrationFailed(f"crm-{service} migrate ended with status {status} ({log_file}):\n{tail}")
    if database is None:
        _marker(plan.home, service).write_text(wanted)


async def _wait(process: Started) -> int:
    """Return its exit status; told to end itself, end it."""
    try:
        while (status := process.poll()) is None:  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(POLL_S)
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        raise
    return status


def fingerprint(home: Home, service: str) -> str:
    """Sum up all that decides the outcome: the service's code and migrations, the shared code, the passwords."""
    summed = sha256()
    passwords = {role: home.password_of(f"{service}_{role}") for role in ("owner", "app", "worker")}
    summed.update(json.dumps(passwords, sort_keys=True).encode())
    for file in sorted(_sources(service)):
        summed.update(file.name.encode())
        summed.update(file.read_bytes())
    return summed.hexdigest()


def _marker(home: Home, service: str) -> Path:
    # Beside the data that it speaks of: who deletes those deletes it too.
    return home.data / f"migrated-{service}"


def _sources(service: str) -> list[Path]:
    files: list[Path] = []
    for package in ("crm_shared", f"crm_{service}"):
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            files += [file for file in Path(folder).rglob("*") if file.suffix in {".py", ".sql", ".json"}]
            # A service's migrations lie beside its src/.
            files += Path(folder).parent.parent.glob("migrations/**/*.py")
            files += Path(folder).parent.parent.glob("migrations/grants.toml")
    return files
