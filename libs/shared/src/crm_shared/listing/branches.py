"""What a caller sees of a table, for lists and sums: one WHERE for what is theirs, one for what is shared with them."""

from typing import LiteralString

from crm_shared.access.caller import Caller
from crm_shared.access.visibility import governed_by, shared_with
from crm_shared.database.where import Where
from crm_shared.permissions import Permission


def list_branches(
    where: Where, caller: Caller, owner_column: LiteralString, *, contact_id: LiteralString | None
) -> list[str]:
    """Return the WHERE texts, over `where`'s one set of parameters, of what the caller sees; no row is in two.

    One text for whom nothing is shared with. Else two: joined by OR in one, the shares would cost a list its index.
    `contact_id` as in `add_visible`.
    """
    if caller.can(Permission.SEE_ALL):
        return [where.sql]
    filters, owned = where.sql, governed_by(where, caller, owner_column)
    branches = [f"{filters} AND {owned}"]
    if contact_id is not None and caller.has_shares:
        branches.append(f"{filters} AND {owned} IS NOT TRUE AND {shared_with(where, caller, contact_id)}")
    return branches
