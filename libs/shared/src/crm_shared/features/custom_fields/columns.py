"""`custom_data` as every reader must select it: without the values of deleted fields, which the worker still removes.

A statement asks once whether any such field is in its sight, by an index that is empty but for those minutes; only
then does each row pay. Functions and not subqueries: lists are planned anew each time, and a subquery on a table under
row-level security costs more to plan than to run.
"""

from typing import Final, LiteralString

CONTACT_CUSTOM_DATA: Final[LiteralString] = """
           CASE WHEN (SELECT hides_custom_fields('CONTACT'))
                THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data)
                ELSE c.custom_data END AS custom_data"""

COMPANY_CUSTOM_DATA: Final[LiteralString] = """
           CASE WHEN (SELECT hides_custom_fields('COMPANY'))
                THEN shown_custom_data(c.tenant_id, 'COMPANY', c.custom_data)
                ELSE c.custom_data END AS custom_data"""

DEAL_CUSTOM_DATA: Final[LiteralString] = """
           CASE WHEN (SELECT hides_custom_fields('DEAL'))
                THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data)
                ELSE d.custom_data END AS custom_data"""
