"""SQL of `former_contacts`: which contacts were merged into which. A survivor is found by what they were called."""

from collections.abc import Collection
from typing import Final

from crm_search.projections import SearchRecord
from crm_shared.database import Transaction

# The rows of these contacts are locked: whoever writes one of them next waits, and finds this. A merge that was undone
# is kept, since the former survivor's document has yet to be made without it.
END: Final = """
    UPDATE former_contacts f
       SET is_over = true
      FROM unnest($1::uuid[], $2::uuid[]) AS written (tenant_id, contact_id)
     WHERE f.tenant_id = written.tenant_id AND f.contact_id = written.contact_id AND NOT f.is_over
"""
NOTE: Final = """
    INSERT INTO former_contacts (tenant_id, contact_id, survivor_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
    ON CONFLICT (tenant_id, contact_id, survivor_id) DO UPDATE SET is_over = false
"""


async def note_merges(transaction: Transaction, contacts: Collection[SearchRecord]) -> None:
    """Note into which contact each of these, just written, was merged, and that it was merged into no other."""
    if not contacts:
        return
    await transaction.execute(END, [one.tenant_id for one in contacts], [one.id for one in contacts])
    merged = [(one.tenant_id, one.id, one.state["merged_into"]) for one in contacts if one.state.get("merged_into")]
    if merged:
        await transaction.execute(NOTE, *(list(column) for column in zip(*merged, strict=True)))
