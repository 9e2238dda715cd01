"""Lists as SQL: orders, the keys that pages begin after, pages, and what a caller sees of a table. Knows no HTTP.

A list is a function in `queries.py` that returns a ListStatement; `print` shows its SQL. How `sort` and `cursor` are
written in an address is `crm_shared.http.cursors`' affair.
"""

from crm_shared.listing.branches import list_branches
from crm_shared.listing.orders import Key, Order, Page, SortField
from crm_shared.listing.statements import ListStatement, Rows, Statement, select_page, to_halves
from crm_shared.listing.visible import Listed, merge_parts, select_visible, select_visible_page

__all__ = [
    "Key",
    "ListStatement",
    "Listed",
    "Order",
    "Page",
    "Rows",
    "SortField",
    "Statement",
    "list_branches",
    "merge_parts",
    "select_page",
    "select_visible",
    "select_visible_page",
    "to_halves",
]
