"""Tenants and their people, written straight into a service's directory tables: for tests of what each may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from crm_shared.access import Role
from crm_shared.access.directory import UPSERT_TENANT, UPSERT_USER, refresh_visible_owners
from crm_shared.clock import new_id
from crm_shared.contracts import Event, new_event
from crm_shared.database import Database
from crm_testing.published import to_event

JOINED_AT: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ACTIVE: Final = True
AUTO_MERGE: Final = True


@dataclass(frozen=True, slots=True)
class Person:
    """A user as seeded; what tests change later is in the tables."""

    tenant_id: UUID
    id: UUID
    email: str
    full_name: str
    role: Role
    manager_id: UUID | None


@dataclass(frozen=True, slots=True)
class SeededTenant:
    """`rep` reports to `manager`; `other_rep` reports to nobody."""

    id: UUID
    admin: Person
    manager: Person
    rep: Person
    other_rep: Person

    @property
    def people(self) -> tuple[Person, ...]:
        return (self.admin, self.manager, self.rep, self.other_rep)


def make_person(tenant_id: UUID, name: str, role: Role, *, manager: Person | None = None) -> Person:
    """Invent a user; `name` makes the e-mail address too."""
    address = f"{name.lower().replace(' ', '.')}@{tenant_id.hex[-8:]}.example"
    return Person(tenant_id, new_id(), address, name, role, manager.id if manager else None)


async def seed_tenant(
    database: Database,
    *,
    base_currency: str = "EUR",
    time_zone: str = "Europe/Berlin",
    default_region: str = "DE",
    manager_scope: str = "DIRECT",
) -> SeededTenant:
    """Write a tenant with its four people. `database` is the worker role's."""
    tenant_id = new_id()
    manager = make_person(tenant_id, "Mia Manager", Role.MANAGER)
    tenant = SeededTenant(
        tenant_id,
        admin=make_person(tenant_id, "Ada Admin", Role.ADMIN),
        manager=manager,
        rep=make_person(tenant_id, "Rae Rep", Role.REP, manager=manager),
        other_rep=make_person(tenant_id, "Otto Other", Role.REP),
    )
    async with database.begin_as_worker() as transaction:
        await transaction.execute(
            UPSERT_TENANT, tenant_id, f"Tenant {tenant_id.hex[-8:]}", base_currency, time_zone, manager_scope,
            AUTO_MERGE, default_region, 1, JOINED_AT, JOINED_AT,
        )  # fmt: skip
    await seed_people(database, tenant.people)
    return tenant


async def seed_people(database: Database, people: Sequence[Person]) -> None:
    """Write more users of a tenant that is there."""
    async with database.begin_as_worker() as transaction:
        for person in people:
            await transaction.execute(
                UPSERT_USER, person.tenant_id, person.id, person.email, person.full_name, person.role,
                person.manager_id, ACTIVE, None, 1, JOINED_AT, JOINED_AT, None, None,
            )  # fmt: skip
        await refresh_visible_owners(transaction, {person.tenant_id for person in people})


def publish_user(person: Person, *, version: int, by: Person | None = None, **changes: Any) -> Event:
    """Tell of a change of a seeded user, as contacts does; their seeding was version 1."""
    fields = {
        "id": person.id,
        "version": version,
        "email": person.email,
        "full_name": person.full_name,
        "role": person.role,
        "manager_id": person.manager_id,
        "active": True,
        "time_zone": None,
        "successor_id": None,
        "created_at": JOINED_AT,
        "updated_at": JOINED_AT + timedelta(hours=version),
        **changes,
    }
    return to_event(
        new_event(
            aggregate="user",
            aggregate_id=person.id,
            verb="updated" if fields["active"] else "deactivated",
            version=version,
            tenant_id=person.tenant_id,
            occurred_at=JOINED_AT + timedelta(hours=version),
            state=fields,
            changed={},
            actor_id=by.id if by else None,
        )
    )
