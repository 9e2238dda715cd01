"""What an operator starts: the command line, the worker, and `republish`."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import UUID

import pytest

from crm_contacts.settings import ContactsSettings
from crm_contacts.snapshots import SOURCES
from crm_contacts.worker import CONSUMERS, consuming
from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_shared.snapshots.republish import republish
from crm_shared.snapshots.sources import list_snapshots
from crm_testing.answers import require_ok
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import NOBODY_URL, ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

COMMAND = Path(sys.executable).with_name("crm-contacts")

AGE_KEYS = "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' WHERE tenant_id = $1"
HAS_KEYS = "SELECT EXISTS (SELECT FROM idempotency_keys WHERE tenant_id = $1)"


async def run_cli(contacts: Contacts, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `crm-contacts` as an operator would; give status, output and errors."""
    settings = contacts.settings
    values = {
        **os.environ,
        "CRM_CONTACTS_DSN": settings.dsn.get_secret_value(),
        "CRM_CONTACTS_WORKER_DSN": settings.worker_dsn.get_secret_value(),
        "CRM_CONTACTS_OWNER_DSN": settings.owner_dsn.get_secret_value(),
        **environment,
    }
    process = await asyncio.create_subprocess_exec(COMMAND, *arguments, env=values, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_a_tenant_begins_on_the_command_line(contacts: Contacts) -> None:
    status, output, _ = await run_cli(
        contacts, "create-tenant", "--name", "Nordwind", "--admin-email", "Jana.Keller@nordwind.example", "--currency",
        "CHF", "--time-zone", "Europe/Zurich",
    )  # fmt: skip

    assert status == 0
    tenant_id, admin_id = (UUID(json.loads(output)[name]) for name in ("tenant_id", "admin_id"))
    person = Person(tenant_id, admin_id, "jana.keller@nordwind.example", "", Role.ADMIN, None)
    me = require_ok(await contacts.client(person).get("/v1/me"))
    assert me["tenant"].items() >= {
        "name": "Nordwind", "base_currency": "CHF", "time_zone": "Europe/Zurich", "manager_scope": "DIRECT",
        "auto_merge": True, "default_region": "US", "version": 1,
    }.items()  # fmt: skip
    assert me["user"].items() >= {"email": "Jana.Keller@nordwind.example", "role": "ADMIN", "active": True}.items()
    events = await contacts.take_events(tenant_id)
    assert [event.type for event in events] == ["crm.tenant.created", "crm.user.created"]
    assert [event.actor_id for event in events] == [None, None]
    assert [event.state for event in events] == [me["tenant"], me["user"]]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--name", " ", "at least 1 character"),
        ("--admin-email", "jana", "is not an e-mail address"),
        ("--currency", "EURO", "not a valid Currency"),
        ("--time-zone", "Mars/Base", "is not an IANA time zone"),
    ],
)
async def test_a_bad_option_is_refused_clearly(contacts: Contacts, option: str, value: str, message: str) -> None:
    options = {"--name": "Nordwind", "--admin-email": "jana@nordwind.example", option: value}
    arguments = [part for pair in options.items() for part in pair]

    status, output, errors = await run_cli(contacts, "create-tenant", *arguments)

    assert (status, output) == (2, "")
    assert f"{option} {value!r}: " in errors
    assert message in errors
    assert "Traceback" not in errors


async def test_a_missing_database_is_said_clearly(contacts: Contacts) -> None:
    status, output, errors = await run_cli(
        contacts, "create-tenant", "--name", "Nordwind", "--admin-email", "jana@nordwind.example",
        CRM_CONTACTS_DSN=NOBODY_URL.replace("http", "postgresql"),
    )  # fmt: skip

    assert (status, output) == (1, "")
    assert "the database can't be reached" in errors


async def test_republish_repeats_all_that_is_there(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    contact = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    gone = require_ok(await client.post("/v1/contacts", json={"first_name": "Gone"}), 201)
    await client.delete(f"/v1/contacts/{gone['id']}")
    await client.delete(f"/v1/companies/{company['id']}")
    published = {event.aggregate_id: event for event in await contacts.take_events(tenant.id)}

    await republish(contacts.database, list_snapshots(contacts.database, SOURCES), chunk_events=100)

    snapshots = await contacts.take_events(tenant.id)
    assert {event.verb for event in snapshots} == {"snapshot"}
    aggregates = [event.aggregate for event in snapshots]
    assert aggregates == ["tenant"] + ["user"] * 4 + ["company"] + ["contact"] * 2
    for event in snapshots[5:]:
        assert (event.version, event.state) == (
            published[event.aggregate_id].version,
            published[event.aggregate_id].state,
        )
    assert contact["id"] in {str(event.aggregate_id) for event in snapshots}


async def test_a_worker_keeps_the_house(contacts: Contacts, tenant: SeededTenant) -> None:
    key = {"Idempotency-Key": str(new_id())}
    require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json={"first_name": "Zoë"}, headers=key), 201)
    async with contacts.database.begin_as_worker() as transaction:
        await transaction.execute(AGE_KEYS, tenant.id)

    async with consuming(contacts.settings) as parts:
        await wait_until(lambda: has_no_keys(contacts, tenant))
        for check in parts.checks.values():
            await check()
        assert {subscription.group_id for subscription in parts.subscriptions} == {
            consumer.group_id for consumer in CONSUMERS
        }


async def has_no_keys(contacts: Contacts, tenant: SeededTenant) -> bool:
    async with contacts.database.read_as_worker() as connection:
        return not await connection.fetchval(HAS_KEYS, tenant.id)
