"""Debezium as the suite's relay: it is let in, looked at, and forgotten where it is no longer wanted."""

import shutil
from typing import Final

import asyncpg
from aiokafka.admin import NewTopic

from crm_local.connectors import fill, heartbeat_topic_of, role_of
from crm_local.engines.connect import KafkaConnect
from crm_local.plan import Plan
from crm_shared.bus.topics import administering
from crm_shared.outbox.cleaner import slot_name
from crm_shared.service_registry import PUBLISHERS

# One that fell so far behind that PostgreSQL gave it up is of no use: the connector makes another, and begins with what
# lies in the outbox.
DROP_LOST: Final = """
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND wal_status = 'lost'
"""
DROP_SLOTS: Final = """
    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY ($1) AND NOT active
"""
FIND_KEPT: Final = """
    SELECT slot_name, active, pg_size_pretty(pg_current_wal_lsn() - restart_lsn)
      FROM pg_replication_slots WHERE slot_name = ANY (%s)
"""
LOCK_OUT: Final = """
    DO $$ BEGIN
        ALTER ROLE {role} NOLOGIN NOREPLICATION;
    EXCEPTION WHEN undefined_object THEN NULL;
    END $$
"""


async def let_debezium_in(plan: Plan) -> None:
    """Do what deploy/debezium/README.md tells the operator to, in each service's database, once it is migrated."""
    for service in PUBLISHERS:
        admin = await asyncpg.connect(plan.postgres.admin_dsn, database=f"crm_{service}")
        try:
            await admin.execute(fill("grant.sql", {"CRM_SERVICE": service}))
            password = await admin.fetchval("SELECT quote_literal($1::text)", plan.home.password_of(role_of(service)))
            await admin.execute(f"ALTER ROLE {role_of(service)} PASSWORD {password}")
            await admin.fetch(DROP_LOST, slot_name(service))
        finally:
            await admin.close()
    async with administering(plan.kafka.bootstrap) as topics:
        wanted = {heartbeat_topic_of(service) for service in PUBLISHERS} - set(await topics.list_topics())
        await topics.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in sorted(wanted)])


async def forget_debezium(plan: Plan) -> None:
    """Have PostgreSQL keep no log for connectors that won't come back, and let them in no more.

    What they have not confirmed lies in the outbox yet: the relays go on with that.
    """
    admin = await asyncpg.connect(plan.postgres.admin_dsn)
    try:
        await admin.fetch(DROP_SLOTS, [slot_name(service) for service in PUBLISHERS])
        for service in PUBLISHERS:
            await admin.execute(LOCK_OUT.format(role=role_of(service)))
    finally:
        await admin.close()


async def forget_former_debezium(plan: Plan) -> None:
    """Do so where this suite had it, and has it no longer."""
    former = plan.home.data / KafkaConnect.name
    if plan.connect is None and former.exists():
        await forget_debezium(plan)
        shutil.rmtree(former)


def describe_connectors(plan: Plan) -> str:
    """Say of each connector how it is and how much log is kept for it, for whoever looks at the suite."""
    import psycopg  # noqa: PLC0415 - 0.2 s: not for a suite without Debezium

    if plan.connect is None:
        return ""
    try:
        with psycopg.connect(plan.postgres.admin_dsn, connect_timeout=2) as admin:
            slots = admin.execute(FIND_KEPT, [[slot_name(service) for service in PUBLISHERS]]).fetchall()
    except (psycopg.OperationalError, FileNotFoundError):
        slots = []
    kept = {
        name: f"{size} of log kept" if is_active else f"{size} of log kept, away" for name, is_active, size in slots
    }
    states = plan.connect.read_states(timeout_s=2)
    return "; ".join(
        f"{service} {state.lower()}, {kept.get(slot_name(service), 'no slot')}"
        for service, state in zip(PUBLISHERS, states.values(), strict=True)
    )
