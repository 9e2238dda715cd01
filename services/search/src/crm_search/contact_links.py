"""SQL of `activity_contacts`: an activity's contacts beside the first. Most activities have none, and cost nothing."""

from collections.abc import Collection
from typing import Final

from crm_search.activities import list_contact_ids
from crm_search.projections import SearchRecord
from crm_shared.database import Transaction

# The rows of the activities are locked: whoever writes one of them next waits, and finds these links.
UNLINK: Final = """
    DELETE FROM activity_contacts l
     USING unnest($1::uuid[], $2::uuid[]) AS written (tenant_id, activity_id)
     WHERE l.tenant_id = written.tenant_id AND l.activity_id = written.activity_id
"""
LINK: Final = """
    INSERT INTO activity_contacts (tenant_id, activity_id, contact_id, number)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[])
    ON CONFLICT DO NOTHING
"""


async def replace_links(transaction: Transaction, activities: Collection[SearchRecord]) -> None:
    """Link the activities, just written, to their further contacts and to no others."""
    if not activities:
        return
    keys = [activity.tenant_id for activity in activities], [activity.id for activity in activities]
    await transaction.execute(UNLINK, *keys)
    links = [
        (activity.tenant_id, activity.id, contact_id, number)
        for activity in activities
        for number, contact_id in enumerate(list_contact_ids(activity.state)[1:], start=2)
    ]
    if links:
        await transaction.execute(LINK, *(list(column) for column in zip(*links, strict=True)))
