"""Whatever shares are given, changed and taken away, by whomever: the service agrees with a set of shares."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
T = TypeVar("T")

NAMES = ("admin", "manager", "rep", "other_rep")
MANAGERS = {"rep": {"manager"}}
people = st.sampled_from(NAMES)
permissions = st.sampled_from(("READ", "WRITE"))
RIGHTS = {None: 0, "READ": 1, "WRITE": 2, "GOVERN": 3}


@dataclass
class ModelContact:
    """What should be: `shares` by the name of the user."""

    id: str
    owner: str
    version: int = 1
    shares: dict[str, str] = field(default_factory=dict)
    is_deleted: bool = False

    def right_of(self, name: str) -> str | None:
        if self.is_deleted:
            return None
        if name in {"admin", self.owner} | MANAGERS.get(self.owner, set()):
            return "GOVERN"
        return self.shares.get(name)

    def expect(self, caller: str, needed: str) -> int:
        """Return the status of an action that needs this right, were nothing else wrong with it; 0 when it is done."""
        held = self.right_of(caller)
        if held is None:
            return 404
        return 0 if RIGHTS[held] >= RIGHTS[needed] else 403


class Sharing(RuleBasedStateMachine):
    """One contact and whom it is shared with. A test binds it to a running service and to that one's loop."""

    contacts: ClassVar[Contacts]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=60)

    @initialize(owner=people)
    def begin(self, owner: str) -> None:
        self.tenant = self.wait(self.contacts.seed_tenant())
        self.people: dict[str, Person] = {name: getattr(self.tenant, name) for name in NAMES}
        answer = self.call(owner, "POST", "", json={"first_name": "Zoë"})
        self.contact = ModelContact(require_ok(answer, 201)["id"], owner)

    def call(self, caller: str, method: str, path: str, **more: Any) -> httpx.Response:
        client = self.contacts.client(self.people[caller])
        return self.wait(client.request(method, f"/v1/contacts{path}", **more))

    def act(self, caller: str, needed: str, method: str, path: str, **more: Any) -> httpx.Response | None:
        """Call on the contact; give the answer, None where the caller was refused as they should be."""
        answer = self.call(caller, method, f"/{self.contact.id}{path}", **more)
        refused = self.contact.expect(caller, needed)
        if refused:
            assert answer.status_code == refused, answer.text
            return None
        return answer

    @rule(caller=people, user=people, permission=permissions)
    def share(self, caller: str, user: str, permission: str) -> None:
        body = {"user_id": str(self.people[user].id), "permission": permission}
        answer = self.act(caller, "GOVERN", "POST", "/shares", json=body)
        if answer is None:
            return
        if user in {caller, self.contact.owner}:
            assert answer.status_code == 422
            return
        before = self.contact.shares.get(user)
        assert require_ok(answer, 201 if before is None else 200)["permission"] == permission
        self.contact.version += before != permission
        self.contact.shares[user] = permission

    @rule(caller=people, user=people)
    def unshare(self, caller: str, user: str) -> None:
        answer = self.act(caller, "GOVERN", "DELETE", f"/shares/{self.people[user].id}")
        if answer is None:
            return
        present = self.contact.shares.pop(user, None)
        assert answer.status_code == (404 if present is None else 204)
        self.contact.version += present is not None

    @rule(caller=people, title=st.text("abc", min_size=1, max_size=5))
    def edit(self, caller: str, title: str) -> None:
        answer = self.act(caller, "WRITE", "PATCH", "", json={"job_title": title})
        if answer is not None:
            self.contact.version = require_ok(answer)["version"]

    @rule(caller=people, owner=people)
    def hand_on(self, caller: str, owner: str) -> None:
        needed = "WRITE" if owner == self.contact.owner else "GOVERN"
        answer = self.act(caller, needed, "PATCH", "", json={"owner_id": str(self.people[owner].id)})
        if answer is not None:
            self.contact.version = require_ok(answer)["version"]
            self.contact.owner = owner
            self.contact.shares.pop(owner, None)

    @rule(caller=people)
    def delete(self, caller: str) -> None:
        answer = self.act(caller, "GOVERN", "DELETE", "")
        if answer is not None:
            assert answer.status_code == 204
            self.contact.is_deleted = True

    @invariant()
    def everyone_sees_what_they_should(self) -> None:
        ids = {str(person.id): name for name, person in self.people.items()}
        for name in NAMES:
            answer = self.call(name, "GET", f"/{self.contact.id}")
            listed = self.wait(walk_pages(self.contacts.client(self.people[name]), "/v1/contacts"))
            if self.contact.right_of(name) is None:
                assert (answer.status_code, listed) == (404, [])
                continue
            contact = require_ok(answer)
            assert [one["id"] for one in listed] == [self.contact.id]
            assert contact["version"] == self.contact.version
            published = {ids[share["user_id"]]: share["permission"] for share in contact["shares"]}
            assert published == self.contact.shares

    @invariant()
    def the_table_of_shares_follows(self) -> None:
        rows = self.wait(list_rows(self.contacts, self.tenant))
        assert rows == ({} if self.contact.is_deleted else self.contact.shares)

    def teardown(self) -> None:
        published = [
            event for event in self.wait(self.contacts.take_events(self.tenant.id)) if event.aggregate == "contact"
        ]
        versions = self.contact.version + self.contact.is_deleted
        assert [event.version for event in published] == list(range(1, versions + 1))


async def list_rows(contacts: Contacts, tenant: SeededTenant) -> dict[str, str]:
    names = {getattr(tenant, name).id: name for name in NAMES}
    async with contacts.database.read_as_worker() as connection:
        rows = await connection.fetch("SELECT user_id, permission FROM contact_shares WHERE tenant_id = $1", tenant.id)
    return {names[row["user_id"]]: row["permission"] for row in rows}


async def test_the_service_agrees_with_a_set_of_shares(contacts: Contacts) -> None:
    bound = type("BoundSharing", (Sharing,), {"contacts": contacts, "loop": asyncio.get_running_loop()})
    relaxed = settings(
        max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    await asyncio.to_thread(run_state_machine_as_test, bound, settings=relaxed)
