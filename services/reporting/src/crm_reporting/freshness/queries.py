"""SQL that reads when the newest event of each source happened, of those that have arrived here."""

from datetime import datetime

from crm_shared.access import Caller
from crm_shared.database import Connection

# The directory's rows keep their events' times themselves.
LAST_EVENTS = """
    SELECT topic, last_event_at FROM source_progress WHERE tenant_id = $1
    UNION ALL
    SELECT 'crm.tenant', updated_at FROM directory_tenants WHERE tenant_id = $1
    UNION ALL
    SELECT 'crm.user', max(updated_at) FROM directory_users WHERE tenant_id = $1
"""


async def find_last_events(connection: Connection, caller: Caller) -> dict[str, datetime | None]:
    """Return each topic's last event time in the caller's tenant; a topic without any may be absent."""
    rows = await connection.fetch(LAST_EVENTS, caller.tenant_id)
    return {row["topic"]: row["last_event_at"] for row in rows}
