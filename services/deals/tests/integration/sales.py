"""One tenant at work with deals, and what stands where the contacts service would answer."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from crm_deals.settings import DealsSettings
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_shared.features.imports.references import MAX_COMPANY_TEXT
from crm_testing.answers import require_ok
from crm_testing.owners import OwnerStandIn, path_of, read_caller
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit


@dataclass
class ContactsStandIn(OwnerStandIn):
    """Makes companies too: `companies` by their names without letters' case, who is asked for and not there is made."""

    companies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.status == HTTPStatus.OK and request.url.path == "/v1/companies/find-or-create":
            self.asked.append(request.url.path)
            return httpx.Response(HTTPStatus.MULTI_STATUS, json={"items": self._find_or_create(request)})
        return super().answer(request)

    def _find_or_create(self, request: httpx.Request) -> list[dict[str, Any]]:
        owner_id = read_caller(request)
        items: list[dict[str, Any]] = []
        names = json.loads(request.content)["items"]
        assert max(map(len, names)) <= MAX_COMPANY_TEXT
        for index, name in enumerate(names):
            if len(name) > 255:
                detail = "can't be made: should have at most 255 characters"
                errors = [{"pointer": f"/items/{index}", "detail": detail}]
                problem = {"detail": f"/items/{index}: {detail}", "errors": errors}
                items.append({"index": index, "status": 422, "problem": problem})
                continue
            spaced = " ".join(name.split())
            is_there = spaced.casefold() in self.companies
            company = self.companies.setdefault(spaced.casefold(), self.make_company(spaced, owner_id))
            items.append({"index": index, "status": 200 if is_there else 201, "company": company})
        return items

    def make_company(self, name: str, owner_id: UUID, **fields: Any) -> dict[str, Any]:
        at = "2026-11-01T09:00:00Z"
        state = {"id": str(new_id()), "version": 1, "name": name, "domain": None, "owner_id": str(owner_id)}
        return {**state, "created_at": at, "updated_at": at, **fields}

    def add_contact(self, person: Person, **fields: Any) -> UUID:
        contact_id = new_id()
        self.records[path_of("contact", contact_id)] = {
            "id": str(contact_id),
            "version": 1,
            "first_name": "Ada",
            "owner_id": str(person.id),
            "created_at": "2026-11-01T09:00:00Z",
            "updated_at": "2026-11-01T09:00:00Z",
            **fields,
        }
        return contact_id


@dataclass
class Sales:
    """`stages`: ids of the default pipeline's stages by name."""

    kit: ServiceKit[DealsSettings]
    tenant: SeededTenant
    contacts: ContactsStandIn
    pipeline_id: str
    stages: dict[str, str]
    clients: dict[UUID, httpx.AsyncClient] = field(default_factory=dict)

    def calling(self, person: Person) -> httpx.AsyncClient:
        return self.clients.setdefault(person.id, self.kit.client(person))

    @property
    def admin(self) -> httpx.AsyncClient:
        return self.calling(self.tenant.admin)

    @property
    def manager(self) -> httpx.AsyncClient:
        return self.calling(self.tenant.manager)

    @property
    def rep(self) -> httpx.AsyncClient:
        return self.calling(self.tenant.rep)

    @property
    def other_rep(self) -> httpx.AsyncClient:
        return self.calling(self.tenant.other_rep)

    async def create(self, client: httpx.AsyncClient | None = None, **fields: Any) -> dict[str, Any]:
        """Create a deal, as the REP unless another client is given."""
        answer = await (client or self.rep).post("/v1/deals", json={"name": "Acme renewal", **fields})
        return require_ok(answer, 201)

    async def move(
        self, deal: dict[str, Any], to: str, client: httpx.AsyncClient | None = None, **fields: Any
    ) -> dict[str, Any]:
        body = {"stage_id": self.stages[to], **fields}
        return require_ok(await (client or self.rep).post(f"/v1/deals/{deal['id']}/move", json=body))

    async def take_events(self) -> list[Event]:
        return await self.kit.take_events(self.tenant.id)


async def open_sales(kit: ServiceKit[DealsSettings], tenant: SeededTenant, contacts: ContactsStandIn) -> Sales:
    """Return the tenant its pipeline, and forget that this was told."""
    [pipeline] = require_ok(await kit.client(tenant.admin).get("/v1/pipelines"))["items"]
    await kit.take_events(tenant.id)
    stages = {stage["name"]: stage["id"] for stage in pipeline["stages"]}
    return Sales(kit, tenant, contacts, pipeline["id"], stages)
