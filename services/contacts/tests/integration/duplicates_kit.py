"""Contacts of one tenant and the worker that looks for their duplicates, for the tests of both."""

from dataclasses import dataclass
from typing import Any

from crm_contacts.duplicates.consumers import follow_contacts
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

MATCHING_TABLES = (
    "matching_profiles",
    "matching_keys",
    "matching_terms",
    "matching_lessons",
    "duplicate_candidates",
)

JOHN = {"first_name": "Zebulon", "last_name": "Okonkwo", "phone": "+4930901820", "email": "zebulon@acme.example"}
AGAIN = {"first_name": "Zebulon", "last_name": "Okonkwo", "phone": "030 901820", "email": "z.okonkwo@acme.example"}
PERHAPS = {"first_name": "Zebulon", "last_name": "Okonkwo"}


@dataclass
class Dedup:
    """`consume` hands the worker what was told since the last time; `published` keeps it all, to be told again."""

    kit: ServiceKit[ContactsSettings]
    tenant: SeededTenant
    published: list[Event]

    async def create(self, owner: Person | None = None, /, **fields: Any) -> dict[str, Any]:
        client = self.kit.client(owner or self.tenant.admin)
        return dict(require_ok(await client.post("/v1/contacts", json=fields), 201))

    async def patch(self, contact: dict[str, Any], **fields: Any) -> dict[str, Any]:
        client = self.kit.client(self.tenant.admin)
        return dict(require_ok(await client.patch(f"/v1/contacts/{contact['id']}", json=fields)))

    async def delete(self, contact: dict[str, Any]) -> None:
        answer = await self.kit.client(self.tenant.admin).delete(f"/v1/contacts/{contact['id']}")
        assert answer.status_code == 204, answer.text

    async def consume(self) -> list[Event]:
        """Run the worker until it has nothing left that it told itself; give all the events it read."""
        read: list[Event] = []
        while batch := [event for event in await self.kit.take_events(self.tenant.id) if event.aggregate == "contact"]:
            await follow_contacts(batch, self.kit.database, SystemClock())
            read += batch
        self.published += read
        return read

    async def consume_again(self) -> None:
        await follow_contacts(self.published, self.kit.database, SystemClock())
        for event in self.published:
            await follow_contacts([event], self.kit.database, SystemClock())

    async def list_pairs(self, person: Person | None = None, **parameters: str) -> list[dict[str, Any]]:
        client = self.kit.client(person or self.tenant.admin)
        answer = require_ok(await client.get("/v1/duplicates", params=parameters))
        return list(answer["items"])

    async def set_auto_merge(self, *, on: bool) -> None:
        async with self.kit.database.begin_as_worker() as transaction:
            await transaction.execute(
                "UPDATE directory_tenants SET auto_merge = $2 WHERE tenant_id = $1", self.tenant.id, on
            )


async def list_rows(dedup: Dedup) -> dict[str, list[str]]:
    """Return the matching tables' rows of this tenant, with their last writer."""
    rows = await dedup.kit.list_rows(*MATCHING_TABLES)
    return {table: [row for row in found if str(dedup.tenant.id) in row] for table, found in rows.items()}


async def list_merges(dedup: Dedup, person: Person | None = None) -> list[dict[str, Any]]:
    """Return the merges that a person sees, an ADMIN where none is named."""
    client = dedup.kit.client(person or dedup.tenant.admin)
    return list(require_ok(await client.get("/v1/merges"))["items"])
