"""One page of what a caller sees, as one statement that indexes serve, whoever asks and with shares or without."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from crm_shared.access.caller import Caller
from crm_shared.database import Where
from crm_shared.listing.branches import list_branches
from crm_shared.listing.orders import Order, Page
from crm_shared.listing.statements import ListStatement, first_rows, to_halves
from crm_shared.permissions import Permission

# Literal text and numbers of parameters are filled in, never a value.
EACH_KEY = "(SELECT key.* FROM "
OF_GIVEN = "unnest({owners}::uuid[]) AS seen (id)"
OF_TEAM = """(
    SELECT {viewer}::uuid AS id
     UNION ALL
    SELECT o.owner_id FROM visible_owners o WHERE o.tenant_id = {tenant} AND o.viewer_id = {viewer}) AS seen"""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list reads: `SELECT <columns> <source>`. The id and the sort values are among the columns, by their names.

    `source` ends in `WHERE … AND `, the tenant being $1. `table`, as in `contacts c`, gives the columns for a known id.
    `contact_id`: the column of the contact whose shares count too, None where shares mean nothing.
    """

    columns: str
    source: str
    table: LiteralString
    owner_column: LiteralString
    contact_id: LiteralString | None = None

    @property
    def select(self) -> str:
        return "SELECT" + self.columns + self.source


def select_visible_page(
    listed: Listed,
    filters: Where,
    caller: Caller,
    page: Page,
    *,
    owners: Sequence[UUID] = (),
    by_owner: bool = False,
) -> ListStatement:
    """Return a page of the rows that the caller sees, in its order; of `owners` only, if any are named.

    `by_owner`: an index on (owner, sort value, id) serves this order, and no filter leaves few rows by itself. A
    team's rows are then read owner by owner, a page of each, and the page is the first of all: to look through
    everybody's rows for the team's takes the longer, the more there are. Rows shared are a page of their own too.
    """

    def to_sql(where: Where, count: str) -> str:
        return select_visible(listed, where, caller, page.order, count, owners, by_owner=by_owner)

    return to_halves(filters, page, to_sql)


def select_visible(
    listed: Listed,
    where: Where,
    caller: Caller,
    order: Order,
    count: str,
    owners: Sequence[UUID] = (),
    *,
    by_owner: bool = False,
) -> str:
    """Return the SQL of the first `count` (a placeholder) rows that the caller sees, in `order`."""
    return merge_parts(_list_parts(listed, where, caller, order, count, owners, by_owner=by_owner), order, count)


def _list_parts(
    listed: Listed,
    where: Where,
    caller: Caller,
    order: Order,
    count: str,
    owners: Sequence[UUID],
    *,
    by_owner: bool,
) -> list[str]:
    """Return the statements whose rows together hold the page; none is in two."""
    bare, given = where.sql, None
    if len(owners) == 1:
        where.add_sql(listed.owner_column + " = " + where.number(owners[0]))
    elif owners:
        given = where.number(list(owners))
        where.add_sql(listed.owner_column + " = ANY (" + given + ")")
    is_team = caller.can(Permission.SEE_TEAM) and len(owners) != 1
    if not by_owner or not (is_team or (caller.can(Permission.SEE_ALL) and given is not None)):
        branches = list_branches(where, caller, listed.owner_column, contact_id=listed.contact_id)
        return [listed.select + branch + first_rows(order.sql, count) for branch in branches]
    of_one = bare + " AND " + listed.owner_column + " = seen.id" + first_rows(order.sql, count)
    parts = [_of_each_owner(listed, of_one, where, caller, given, order, count)]
    if listed.contact_id is not None and caller.has_shares:
        _, *shared = list_branches(where, caller, listed.owner_column, contact_id=listed.contact_id)
        parts += [listed.select + branch + first_rows(order.sql, count) for branch in shared]
    return parts


def _of_each_owner(
    listed: Listed, of_one: str, where: Where, caller: Caller, given: str | None, order: Order, count: str
) -> str:
    """Return the statement that reads a page of each owner. Keys alone at first: most rows of most owners fall away."""
    keys = order.id_column + " AS id, " + order.field.column
    if caller.can(Permission.SEE_ALL):
        seen, only = OF_GIVEN.format(owners=given), ""
    else:
        seen = OF_TEAM.format(viewer=where.number(caller.user_id), tenant=where.number(caller.tenant_id))
        only = "" if given is None else " WHERE seen.id = ANY (" + given + ")"
    pages = seen + " CROSS JOIN LATERAL (SELECT " + keys + listed.source + of_one + ") AS key" + only
    first = EACH_KEY + pages + first_rows(order.sql_over("key"), count) + ") AS key"
    alias = listed.table.rpartition(" ")[2]
    again = " JOIN " + listed.table + " ON " + alias + ".tenant_id = $1 AND " + alias + ".id = key.id"
    return "SELECT" + listed.columns + " FROM " + first + again + first_rows(order.sql_over("key"), count)


def merge_parts(parts: Sequence[str], order: Order, count: str) -> str:
    """Return the SQL of the first `count` rows of all `parts`, each of which gives its own first ones in `order`."""
    if len(parts) == 1:
        return parts[0]
    rows = "(" + ") UNION ALL (".join(parts) + ")"
    return "SELECT * FROM (" + rows + ") AS visible" + first_rows(order.sql_over("visible"), count)  # noqa: S608 - no value
