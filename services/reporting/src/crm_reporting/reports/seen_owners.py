"""Whose rows of a table of sums the caller reads: one of all owners, or those of each owner in sight, by an index."""

from typing import Final, LiteralString

from crm_reporting.reports.scope import Scope
from crm_shared.access import Permission
from crm_shared.database import Where

OF_ALL: Final = "r.is_of_all AND r.owner_id IS NULL"
OF_OWNERS: Final = "NOT r.is_of_all"
# As an array, which an index is searched by: asked for as `IN (SELECT …)` beside the caller's own, the rows of all
# owners would be gone through, a team's and everybody's.
OF_TEAM: Final = """r.owner_id = ANY (ARRAY(
        SELECT {viewer}::uuid
         UNION ALL
        SELECT v.owner_id FROM visible_owners v WHERE v.tenant_id = $1 AND v.viewer_id = {viewer}))"""
OF_ONE: Final = "r.owner_id = {viewer}"


def seek_sums(where: Where, scope: Scope, *, by_owner: bool = False, held_by: LiteralString = "r.owner_id") -> str:
    """Return the clause, its values numbered in `where`, for rows `r` of sums. $1 is the tenant.

    `by_owner`: each owner's are wanted, whoever asks. `held_by`: the column that the owners named are held against.
    """
    sees_all = scope.caller.can(Permission.SEE_ALL)
    if sees_all and not by_owner and not scope.owner_ids:
        return OF_ALL
    clauses: list[str] = [OF_OWNERS]
    if scope.owner_ids:
        clauses.append(held_by + " = ANY (" + where.number(list(scope.owner_ids)) + ")")
    if not sees_all:
        seen = OF_TEAM if scope.caller.can(Permission.SEE_TEAM) else OF_ONE
        clauses.append(seen.format(viewer=where.number(scope.caller.user_id)))
    return " AND ".join(clauses)
