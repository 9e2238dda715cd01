"""Effects that are a row with the version of the record that it was made of."""

from typing import Any, Final, LiteralString

from crm_shared.contracts import Event
from crm_shared.database import Connection
from crm_shared.features.event_tracking.parts import Effect

FIND_REPLICA: Final = "SELECT version FROM replica_records WHERE tenant_id = $1 AND id = $2 AND aggregate = $3"


async def find_version(connection: Connection, name: str, statement: LiteralString, event: Event, *more: Any) -> Effect:
    """Compare the version that `statement` finds for the event's record with the event's own.

    The statement's parameters are the tenant, the record and `more`.
    """
    version = await connection.fetchval(statement, event.tenant_id, event.aggregate_id, *more)
    return compare_versions(name, version, event.version)


async def find_replica(connection: Connection, event: Event) -> Effect:
    """Look for what a service keeps of another's record, to check references by."""
    return await find_version(connection, f"{event.aggregate} replica", FIND_REPLICA, event, event.aggregate)


def compare_versions(name: str, version: int | None, wanted: int) -> Effect:
    if version is None:
        return Effect(name, "missing", "no row")
    if version < wanted:
        return Effect(name, "missing", f"at version {version}, before {wanted}")
    return Effect(name, "there", f"at version {version}" if version == wanted else f"at version {version}, a later one")
