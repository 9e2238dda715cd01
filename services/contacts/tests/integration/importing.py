"""Uploads files of contacts and companies and carries imports out: what the tests of imports share."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from crm_contacts.imports.adapters import ADAPTERS
from crm_contacts.settings import ContactsSettings
from crm_shared.features.imports.write.running import ImportRunner
from crm_testing import importing
from crm_testing.people import Person
from crm_testing.service_kit import ServiceKit

Kit = ServiceKit[ContactsSettings]


async def upload(
    client: httpx.AsyncClient, content: str | bytes, *, entity_type: str = "CONTACT", **fields: Any
) -> httpx.Response:
    return await importing.upload(client, content, entity_type=entity_type, **fields)


def make_runner(kit: Kit, **changes: Any) -> ImportRunner:
    return importing.make_runner(kit, ADAPTERS, **changes)


async def run_import(kit: Kit, person: Person, content: str | bytes, **fields: Any) -> dict[str, Any]:
    return await importing.run_import(kit, ADAPTERS, person, content, **{"entity_type": "CONTACT", **fields})


async def revert(kit: Kit, person: Person, import_id: str) -> dict[str, Any]:
    return await importing.revert(kit, ADAPTERS, person, import_id)


async def list_errors(kit: Kit, person: Person, import_id: str) -> list[str]:
    """Return the lines of errors.csv after its header."""
    answer = await kit.client(person).get(f"/v1/imports/{import_id}/errors.csv")
    assert answer.status_code == 200, answer.text
    return answer.text.splitlines()[1:]


def counts(job: Mapping[str, Any]) -> Sequence[int]:
    """Return rows, created, updated, unchanged, failed."""
    return [job["counts"][name] for name in ("rows", "created", "updated", "unchanged", "failed")]
