"""Uploads files and carries imports out: what the tests of imports share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from crm_contacts.imports.running import ImportRunner
from crm_contacts.settings import ContactsSettings
from crm_shared.bus.readers import Readers
from crm_shared.clock import Clock, SystemClock
from crm_shared.pacing import Pace
from crm_shared.testing.answers import require_ok
from crm_shared.testing.people import Person
from crm_shared.testing.service_kit import ServiceKit

Kit = ServiceKit[ContactsSettings]


async def upload(
    client: httpx.AsyncClient,
    content: str | bytes,
    *,
    entity_type: str = "CONTACT",
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
    kit: Kit, *, chunk_rows: int = 5000, clock: Clock | None = None, readers: Readers | None = None, **changes: Any
) -> ImportRunner:
    """Make a worker's imports with these `changes` of the settings. Without `readers` it waits for the relay alone."""
    settings = kit.settings.model_copy(update={"import_chunk_rows": chunk_rows, **changes})
    return ImportRunner(settings, kit.database, clock or SystemClock(), Pace.of(settings, kit.database, readers))


async def run_import(
    kit: Kit, person: Person, content: str | bytes, *, chunk_rows: int = 5000, **fields: Any
) -> dict[str, Any]:
    """Upload a file, carry it out, give the import as it ended."""
    job = require_ok(await upload(kit.client(person), content, **fields), 201)
    await make_runner(kit, chunk_rows=chunk_rows).run_waiting()
    return require_ok(await kit.client(person).get(f"/v1/imports/{job['id']}"))


async def revert(kit: Kit, person: Person, import_id: str) -> dict[str, Any]:
    """Take an import back, give it as it is then."""
    require_ok(await kit.client(person).post(f"/v1/imports/{import_id}/revert"))
    await make_runner(kit).run_waiting()
    return require_ok(await kit.client(person).get(f"/v1/imports/{import_id}"))


async def list_errors(kit: Kit, person: Person, import_id: str) -> list[str]:
    """Give the lines of errors.csv after its header."""
    answer = await kit.client(person).get(f"/v1/imports/{import_id}/errors.csv")
    assert answer.status_code == 200, answer.text
    return answer.text.splitlines()[1:]


def counts(job: Mapping[str, Any]) -> Sequence[int]:
    """Give rows, created, updated, unchanged, failed."""
    return [job["counts"][name] for name in ("rows", "created", "updated", "unchanged", "failed")]
