"""SQL that reads threads for the API."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_activities.activities.queries import select_activities
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, Rows
from crm_shared.refusals import NotFound

# Any message of a thread tells which it is: a former root too, deleted ones and those out of sight.
IN_THREAD: Final = "a.thread_id = (SELECT m.thread_id FROM activities m WHERE m.tenant_id = $1 AND m.id = {})"


async def read_thread(connection: Connection, caller: Caller, thread_id: UUID, page: Page) -> Rows:
    """Return up to a page's limit + 1 e-mails of a thread that the caller sees. Raises NotFound if there are none."""
    owner_ids = await list_visible_owners(connection, caller)
    rows = await select_thread(caller, thread_id, page, owner_ids).fetch(connection)
    if not rows and page.after is None:
        raise NotFound("There is no such thread.")
    return rows


def select_thread(caller: Caller, thread_id: UUID, page: Page, owner_ids: Sequence[UUID] | None) -> ListStatement:
    """Return a page of a thread, as far as it is visible to whom these owners' records are."""
    return select_activities(caller, Where(caller.tenant_id).add(IN_THREAD, thread_id), page, owner_ids)
