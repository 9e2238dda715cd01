"""A broker with TLS, logins and access lists: the suite works under its principals, and a forged rank gets nowhere."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from crm_contacts.app import make_app as make_contacts_app
from crm_contacts.cli import __file__ as contacts_package
from crm_contacts.settings import ContactsSettings
from crm_contacts.snapshots import SOURCES
from crm_contacts.worker import CONSUMERS as CONTACTS_CONSUMERS
from crm_deals import consumers as deals_consumers
from crm_deals.app import make_app as make_deals_app
from crm_deals.cli import __file__ as deals_package
from crm_deals.settings import DealsSettings
from crm_deals.worker import CONSUMERS as DEALS_CONSUMERS
from crm_local.engines.kafka import Kafka
from crm_local.engines.kafka_security import ADMIN, KafkaSecurity
from crm_local.engines.ports import free_ports
from crm_shared.bus import Consumer
from crm_shared.bus.acls import apply, list_acls, name_principals
from crm_shared.bus.clients import make_consumer
from crm_shared.bus.producers import producing
from crm_shared.bus.redrive import redrive
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.topics import create_topics
from crm_shared.bus.worker import Worker
from crm_shared.contracts.topics import dead_letter_topic
from crm_shared.kafka_access import KafkaAccess
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.snapshots.republish import republish
from crm_shared.snapshots.sources import list_snapshots
from crm_shared.tls import TlsFiles
from crm_testing.certificates import ThrowAwayAuthority
from crm_testing.people import Person, SeededTenant
from crm_testing.records import RawRecord, read_topic, write_records
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.slow]

PASSWORD: Final = "of-a-throw-away-broker"
CONSUMERS: Final[Mapping[str, Sequence[Consumer[...]]]] = {
    "contacts": CONTACTS_CONSUMERS,
    "deals": DEALS_CONSUMERS,
    "activities": (),
}
DIRECTORY_GROUP: Final = deals_consumers.keep_directory.group_id
USER_LETTERS: Final = dead_letter_topic("crm.user", DIRECTORY_GROUP)


@dataclass(frozen=True, slots=True)
class ProtectedBus:
    bootstrap: str
    ca_file: Path

    def access(self, user: str) -> KafkaAccess:
        """Return what a process of `user` is told of the bus."""
        tls = TlsFiles("CRM_KAFKA", ca_file=self.ca_file)
        return KafkaAccess(self.bootstrap, "SASL_SSL", "SCRAM-SHA-512", user, PASSWORD, tls)


@pytest.fixture(scope="module")
def broker() -> Iterator[ProtectedBus]:
    home = Path(tempfile.mkdtemp(prefix="crm-protected-"))
    home.chmod(0o755)  # the engines' account has to pass through
    authority = ThrowAwayAuthority(home)
    pair = authority.issue("broker")
    users = [ADMIN, *(user for service in CONSUMERS for user in name_principals(service))]
    security = KafkaSecurity(dict.fromkeys(users, PASSWORD), pair.certificate, pair.key, authority.ca_file)
    ports = free_ports(2)
    kafka = Kafka(home / "kafka", ports[0], ports[1], heap_mb=384, security=security)
    try:
        kafka.start().wait_ready()
        yield ProtectedBus(kafka.bootstrap, authority.ca_file)
    finally:
        kafka.kill()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
async def bus(broker: ProtectedBus) -> ProtectedBus:
    """Return the rights, and make each service's topics, as the principals whose work that is."""
    for service, consumers in CONSUMERS.items():
        groups = {consumer.group_id: consumer.topics for consumer in consumers}
        await apply(broker.access(ADMIN), list_acls(service, groups))
        _, migrate, _ = name_principals(service)
        await create_topics(broker.access(migrate), service, groups=groups, partitions=1, replication=1)
    return broker


@pytest.fixture(scope="module")
async def contacts(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[ContactsSettings]]:
    migrations = Path(contacts_package).parents[2] / "migrations" / "versions"
    async with running_service(ContactsSettings, make_contacts_app, migrations, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


@pytest.fixture(scope="module")
async def deals(postgres_admin_dsn: str) -> AsyncIterator[ServiceKit[DealsSettings]]:
    migrations = Path(deals_package).parents[2] / "migrations" / "versions"
    async with running_service(DealsSettings, make_deals_app, migrations, admin_dsn=postgres_admin_dsn) as kit:
        yield kit


@asynccontextmanager
async def running(process: Worker | Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(process.run())
    try:
        yield
    finally:
        process.stop()
        await task


@pytest.fixture(scope="module")
async def tenant(
    bus: ProtectedBus, contacts: ServiceKit[ContactsSettings], deals: ServiceKit[DealsSettings]
) -> AsyncIterator[SeededTenant]:
    """Make a tenant in contacts of which deals has learnt over the bus; relay and worker run."""
    tenant = await contacts.seed_tenant()
    await republish(contacts.database, list_snapshots(contacts.database, SOURCES))
    dsn = contacts.settings.worker_dsn.get_secret_value()
    relay = Relay(RelaySettings(dsn, bus.access("crm-contacts"), "contacts"))
    subscription = deals_consumers.keep_directory.bind(deals.database)
    worker = Worker(ConsumerSettings(bus.access("crm-deals"), client_id="deals-worker"), [subscription])
    async with running(relay), running(worker):
        await wait_until(lambda: is_known(deals, tenant.rep))
        yield tenant


async def is_known(deals: ServiceKit[DealsSettings], person: Person) -> bool:
    return (await deals.client(person).get("/v1/deals")).status_code == 200


async def read_webhooks_status(deals: ServiceKit[DealsSettings], person: Person) -> int:
    """Ask for what an ADMIN alone may see."""
    return (await deals.client(person).get("/v1/webhooks")).status_code


async def forge(bus: ProtectedBus, person: Person, **headers: bytes) -> RawRecord:
    """Make of the user's own record one that says ADMIN, a version on, as somebody with access to the broker could."""
    key = str(person.id).encode()
    published = [record for record in await read_topic(bus.access(ADMIN), "crm.user") if record.key == key]
    value: dict[str, Any] = json.loads(published[0].value)
    version = value["user"]["version"] + 1
    value["user"] |= {"role": "ADMIN", "version": version}
    forged = dict(published[0].headers) | {"ce_sequence": str(version).encode()} | headers
    return RawRecord(key, json.dumps(value).encode(), list(forged.items()))


async def test_the_suite_works_under_its_principals(deals: ServiceKit[DealsSettings], tenant: SeededTenant) -> None:
    assert await read_webhooks_status(deals, tenant.admin) == 200
    assert await read_webhooks_status(deals, tenant.rep) == 403


@pytest.mark.parametrize("principal", ["crm-deals", "crm-activities", "crm-contacts-migrate"])
async def test_the_broker_takes_no_rank_from_a_principal_without_the_right(
    principal: str, bus: ProtectedBus, tenant: SeededTenant
) -> None:
    forged = await forge(bus, tenant.rep, ce_type=b"crm.user.updated", ce_dataschema=b"/schemas/crm.user.updated/1")
    before = await read_topic(bus.access(ADMIN), "crm.user")
    with pytest.raises((TopicAuthorizationFailedError, ClusterAuthorizationFailedError)):
        await write_records(bus.access(principal), "crm.user", [forged])
    assert len(await read_topic(bus.access(ADMIN), "crm.user")) == len(before)


async def test_a_consumer_takes_no_rank_that_contacts_did_not_tell_of_from_any_broker(
    bus: ProtectedBus, deals: ServiceKit[DealsSettings], tenant: SeededTenant
) -> None:
    """Written by the broker's administrator, as anybody may on a broker without access lists."""
    forged = await forge(bus, tenant.rep, ce_source=b"/anybody")
    async with producing(bus.access(ADMIN), client_id="forger") as producer:
        await producer.send_and_wait("crm.user", value=forged.value, key=forged.key, headers=list(forged.headers))

    async def is_set_aside() -> bool:
        return any(letter.key == forged.key for letter in await read_topic(bus.access(ADMIN), USER_LETTERS))

    await wait_until(is_set_aside)
    assert await read_webhooks_status(deals, tenant.rep) == 403
    letter = next(one for one in await read_topic(bus.access(ADMIN), USER_LETTERS) if one.key == forged.key)
    assert dict(letter.headers)["crm_error_reason"] == b"header ce_source is not the service that tells of ce_type"


async def test_dead_letters_are_read_and_put_back_by_their_services_redrive_alone(bus: ProtectedBus) -> None:
    await write_records(bus.access("crm-deals"), USER_LETTERS, [RawRecord(b"odd", b"{}")])
    for principal in ("crm-activities", "crm-activities-redrive", "crm-contacts", "crm-deals"):
        with pytest.raises((UnknownTopicOrPartitionError, TopicAuthorizationFailedError)):
            await redrive(bus.access(principal), DIRECTORY_GROUP, ["crm.user", "crm.tenant"])
    assert await redrive(bus.access("crm-deals-redrive"), DIRECTORY_GROUP, ["crm.user", "crm.tenant"]) > 0


async def test_nobody_gets_in_without_a_login_or_to_a_broker_of_another_authority(
    bus: ProtectedBus, tmp_path: Path
) -> None:
    stranger = replace(bus.access("crm-deals"), password="guessed")
    elsewhere = replace(
        bus.access("crm-deals"), tls=TlsFiles("CRM_KAFKA", ca_file=ThrowAwayAuthority(tmp_path).ca_file)
    )
    for access in (stranger, elsewhere, KafkaAccess(bus.bootstrap)):
        consumer = make_consumer(access, request_timeout_ms=3000)
        with pytest.raises(KafkaConnectionError):
            await consumer.start()
        await consumer.stop()
