"""Merging and parting contacts over the API, for tests of it."""

from typing import Any

import httpx

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok
from crm_testing.service_kit import ServiceKit

Contacts = ServiceKit[ContactsSettings]


Json = dict[str, Any]


async def create(client: httpx.AsyncClient, **fields: Any) -> Json:
    return require_ok(await client.post("/v1/contacts", json=fields), 201)


async def merge(client: httpx.AsyncClient, survivor: Json, other: Json, **body: Any) -> Json:
    answer = await client.post(f"/v1/contacts/{survivor['id']}/merge", json={"other_id": other["id"], **body})
    return require_ok(answer)


async def undo(client: httpx.AsyncClient, merge_id: str) -> Json:
    return require_ok(await client.post(f"/v1/merges/{merge_id}/undo"))


async def read(client: httpx.AsyncClient, contact: Json) -> Json:
    return require_ok(await client.get(f"/v1/contacts/{contact['id']}"))


def without_version(contact: Json) -> Json:
    return {name: value for name, value in contact.items() if name not in {"version", "updated_at"}}
