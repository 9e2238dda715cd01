"""Uploads files and carries imports out, whatever the service."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from crm_shared.backpressure import Backpressure
from crm_shared.bus.readers import Readers
from crm_shared.clock import Clock, SystemClock
from crm_shared.features.imports.adapter import Adapters
from crm_shared.features.imports.settings import ImportSettings
from crm_shared.features.imports.write.running import ImportRunner
from crm_testing.answers import require_ok
from crm_testing.people import Person
from crm_testing.service_kit import ServiceKit

ImportKit = ServiceKit[Any]
NO_RELAY: Final = 0
"""No relay empties the outbox beside tests: an import that waited for one would wait for ever."""


class StoppingClock:
    """Stops the task that runs at the `count`-th look at the clock: at the next await it ends."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.task: asyncio.Task[int] | None = None

    def now(self) -> datetime:
        self._left -= 1
        if self._left == 0 and self.task is not None:
            self.task.cancel()
        return datetime.now(UTC)


async def upload(
    client: httpx.AsyncClient,
    content: str | bytes,
    *,
    entity_type: str,
    mapping: Mapping[str, str | None] | str | None = None,
    **fields: str,
) -> httpx.Response:
    """Post a file as a form. `content` as text is sent in UTF-8."""
    data = {"entity_type": entity_type, **fields}
    if mapping is not None:
        data["mapping"] = mapping if isinstance(mapping, str) else json.dumps(mapping)
    body = content.encode() if isinstance(content, str) else content
    return await client.post("/v1/imports", data=data, files={"file": ("people.csv", body, "text/csv")})


def make_runner(
    kit: ImportKit,
    kinds: Adapters,
    *,
    chunk_rows: int = 5000,
    clock: Clock | None = None,
    readers: Readers | None = None,
    **changes: Any,
) -> ImportRunner:
    """Make a worker's imports with these `changes` of the settings. Without `readers` it waits for the relay alone.

    And for that only where `changes` say so.
    """
    changes = {"bulk_outbox_rows": NO_RELAY, "import_chunk_rows": chunk_rows, **changes}
    settings: ImportSettings = kit.settings.model_copy(update=changes)
    backpressure = Backpressure.of(settings, kit.database, readers)
    return ImportRunner(settings, kit.database, clock or SystemClock(), backpressure, kinds)


async def run_import(
    kit: ImportKit, kinds: Adapters, person: Person, content: str | bytes, *, chunk_rows: int = 5000, **fields: Any
) -> dict[str, Any]:
    """Upload a file, carry it out, give the import as it ended."""
    job = require_ok(await upload(kit.client(person), content, **fields), 201)
    await make_runner(kit, kinds, chunk_rows=chunk_rows).run_waiting()
    return require_ok(await kit.client(person).get(f"/v1/imports/{job['id']}"))


async def revert(kit: ImportKit, kinds: Adapters, person: Person, import_id: str) -> dict[str, Any]:
    """Take an import back, give it as it is then."""
    require_ok(await kit.client(person).post(f"/v1/imports/{import_id}/revert"))
    await make_runner(kit, kinds).run_waiting()
    return require_ok(await kit.client(person).get(f"/v1/imports/{import_id}"))


def counts(**changes: int) -> dict[str, int]:
    """Return what an import shows of its rows; those that are not named are none."""
    return {"rows": 0, "created": 0, "updated": 0, "unchanged": 0, "failed": 0, **changes}
