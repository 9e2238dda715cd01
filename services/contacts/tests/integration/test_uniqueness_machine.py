"""Whatever is created, edited, tagged, deleted, restored or sent in batches: a value stays one contact's."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
T = TypeVar("T")

emails = st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "c@x.example", None])
external_ids = st.sampled_from(["1", "2", "3", None])
tags = st.sampled_from(["vip", "VIP", "board"])
places = st.integers(0, 5)
items = st.fixed_dictionaries({}, optional={"email": emails, "external_id": external_ids, "job_title": st.just("x")})


@dataclass(frozen=True)
class ModelContact:
    """What should be there."""

    id: str
    version: int
    email: str | None
    external_id: str | None
    job_title: str | None = None
    tags: tuple[str, ...] = ()
    is_deleted: bool = False

    @property
    def values(self) -> set[tuple[str, str]]:
        """Its unique values, as they are compared."""
        email = set() if self.email is None else {("email", self.email.casefold())}
        return email | (set() if self.external_id is None else {("external_id", self.external_id)})


class Uniqueness(RuleBasedStateMachine):
    """One tenant's contacts. A test binds it to a running service and to that one's loop."""

    contacts: ClassVar[Contacts]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.wait(self.contacts.client(self.tenant.rep).request(method, f"/v1/contacts{path}", **more))

    @initialize()
    def begin(self) -> None:
        self.tenant: SeededTenant = self.wait(self.contacts.seed_tenant())
        self.model: dict[str, ModelContact] = {}

    def choose(self, place: int) -> ModelContact | None:
        return list(self.model.values())[place] if place < len(self.model) else None

    def find_unique_owner(self, values: set[tuple[str, str]], *, but: str | None = None) -> set[str]:
        others = (contact for contact in self.model.values() if not contact.is_deleted and contact.id != but)
        return {contact.id for contact in others if contact.values & values}

    def conclude(self, status: int, body: dict[str, Any], wanted: ModelContact, *, is_change: bool, made: int) -> None:
        """Hold one answer against the model, and take what was written into it. `wanted`: as it should be now."""
        holders = self.find_unique_owner(wanted.values, but=wanted.id)
        if holders and is_change:
            assert status == 409, body
            assert body["existing_id"] in holders
            return
        assert status == made, body
        contact = replace(wanted, id=body["id"], version=wanted.version + (1 if is_change else 0))
        self.model[contact.id] = contact

    @rule(email=emails, external_id=external_ids)
    def create(self, email: str | None, external_id: str | None) -> None:
        body = {"first_name": "Zoë", "email": email, "external_id": external_id}
        answer = self.call("POST", "", json=body)
        self.conclude(
            answer.status_code, answer.json(), ModelContact("", 0, email, external_id), is_change=True, made=201
        )

    @rule(place=places, changes=items)
    def edit(self, place: int, changes: dict[str, Any]) -> None:
        contact = self.choose(place)
        if contact is None:
            return
        answer = self.call("PATCH", f"/{contact.id}", json=changes)
        if contact.is_deleted:
            assert answer.status_code == 404
            return
        wanted = replace(contact, **changes)
        self.conclude(answer.status_code, answer.json(), wanted, is_change=wanted != contact, made=200)

    @rule(place=places, tag=tags, is_put=st.booleans())
    def tag(self, place: int, tag: str, *, is_put: bool) -> None:
        contact = self.choose(place)
        if contact is None:
            return
        answer = self.call("PUT" if is_put else "DELETE", f"/{contact.id}/tags/{tag}")
        if contact.is_deleted:
            assert answer.status_code == 404
            return
        assert answer.status_code == (200 if is_put else 204)
        if is_put != (tag in contact.tags):
            kept = tuple(each for each in contact.tags if each != tag)
            tagged = replace(contact, tags=(*kept, tag) if is_put else kept, version=contact.version + 1)
            self.model[contact.id] = tagged

    @rule(place=places)
    def delete(self, place: int) -> None:
        contact = self.choose(place)
        if contact is None:
            return
        status = self.call("DELETE", f"/{contact.id}").status_code
        assert status == (404 if contact.is_deleted else 204)
        if not contact.is_deleted:
            self.model[contact.id] = replace(contact, is_deleted=True, version=contact.version + 1)

    @rule(place=places)
    def restore(self, place: int) -> None:
        contact = self.choose(place)
        if contact is None:
            return
        answer = self.call("POST", f"/{contact.id}/restore")
        wanted = replace(contact, is_deleted=False)
        self.conclude(answer.status_code, answer.json(), wanted, is_change=contact.is_deleted, made=200)

    @rule(mode=st.sampled_from(["create", "upsert"]), by=st.sampled_from(["email", "external_id"]),
          sent=st.lists(items, min_size=1, max_size=6))  # fmt: skip
    def batch(self, mode: str, by: str, sent: list[dict[str, Any]]) -> None:
        body = {"mode": mode, "items": [{"first_name": "Zoë", **item} for item in sent]}
        answer = self.call("POST", "/batch", json=body if mode == "create" else {**body, "id_property": by})
        for item, answered in zip(sent, require_ok(answer, 207)["items"], strict=True):
            if mode == "upsert" and item.get(by) is None:
                assert answered["status"] == 422
                continue
            new = ModelContact("", 0, item.get("email"), item.get("external_id"), item.get("job_title"))
            found = self.find_unique_owner({next(v for v in new.values if v[0] == by)}) if mode == "upsert" else set()
            body = answered if answered["status"] < 400 else answered["problem"]
            if found:
                contact = self.model[found.pop()]
                wanted = replace(contact, **{name: value for name, value in item.items() if name != by})
                self.conclude(answered["status"], body, wanted, is_change=wanted != contact, made=200)
            else:
                self.conclude(answered["status"], body, new, is_change=True, made=201)

    @invariant()
    def the_service_has_what_the_model_has(self) -> None:
        client = self.contacts.client(self.tenant.rep)
        for is_deleted in (False, True):
            listed = self.wait(walk_pages(client, "/v1/contacts", limit=200, deleted=str(is_deleted).lower()))
            assert {self.describe(contact) for contact in listed} == {
                replace(contact, tags=tuple(sorted(contact.tags)))
                for contact in self.model.values()
                if contact.is_deleted == is_deleted
            }

    def teardown(self) -> None:
        client = self.contacts.client(self.tenant.rep)
        for tag in ("vip", "VIP", "board"):
            tagged = self.wait(walk_pages(client, "/v1/contacts", limit=3, tag=tag))
            assert {contact["id"] for contact in tagged} == {
                contact.id for contact in self.model.values() if tag in contact.tags and not contact.is_deleted
            }
        versions: dict[str, int] = {}
        for event in self.wait(self.contacts.take_events(self.tenant.id)):
            assert event.version == versions.get(str(event.aggregate_id), 0) + 1
            versions[str(event.aggregate_id)] = event.version
        assert versions == {contact.id: contact.version for contact in self.model.values()}

    @staticmethod
    def describe(contact: dict[str, Any]) -> ModelContact:
        return ModelContact(
            contact["id"], contact["version"], contact["email"], contact["external_id"], contact["job_title"],
            tuple(sorted(contact["tags"])), contact["deleted_at"] is not None,
        )  # fmt: skip


async def test_a_value_stays_one_contacts_through_any_history(contacts: Contacts) -> None:
    class Bound(Uniqueness):
        pass

    Bound.contacts, Bound.loop = contacts, asyncio.get_running_loop()
    limits = settings(
        max_examples=12,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    await asyncio.to_thread(run_state_machine_as_test, Bound, settings=limits)
