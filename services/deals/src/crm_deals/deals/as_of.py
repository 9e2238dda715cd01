"""The list of deals as it stood at a past moment, made of the deals as they are and of what was changed since.

Time is business time: an imported move counts from its `changed_at`. Who may see a deal is asked of today's owner: the
past opens nothing that is closed now.
"""

from datetime import datetime

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.listing import Listed, ListStatement, Page, select_visible_page

# Most deals have not changed since, and are taken as they are. Of the others each field goes back to what it was before
# the first change after the moment: of several the earliest comes last, and wins. A deal's changes are found by the
# primary key of its audit. `updated_at` is when we heard of the last change, so no change is later than it.
UNCHANGED = """
      FROM (SELECT d.*, d.owner_id AS present_owner_id, d.contact_id AS present_contact_id
              FROM deals d
             WHERE d.tenant_id = $1 AND d.updated_at <= """
CHANGED = """
             UNION ALL
            SELECT former.*, d.owner_id, d.contact_id
              FROM deals d
             CROSS JOIN LATERAL (
                   SELECT max(r.version) FILTER (WHERE r.changed_at <= m.moment) AS version,
                          max(r.changed_at) FILTER (WHERE r.changed_at <= m.moment) AS updated_at
                     FROM record_changes r
                    WHERE r.tenant_id = $1 AND r.aggregate = 'deal' AND r.record_id = d.id) AS last
             CROSS JOIN LATERAL (
                   SELECT COALESCE(jsonb_object_agg(field.key, field.value -> 'from' ORDER BY r.version DESC), '{}')
                          AS fields
                     FROM record_changes r
                    CROSS JOIN jsonb_each(r.changed) AS field
                    WHERE r.tenant_id = $1 AND r.aggregate = 'deal' AND r.record_id = d.id
                      AND r.changed_at > m.moment) AS undone
             CROSS JOIN LATERAL jsonb_populate_record(
                   d, jsonb_build_object('version', last.version, 'updated_at', last.updated_at) || undone.fields)
                   AS former
             WHERE d.tenant_id = $1 AND d.updated_at > m.moment AND d.created_at <= m.moment) AS d
     WHERE d.tenant_id = $1 AND d.deleted_at IS NULL AND """


def select_deals_as_of(caller: Caller, filters: Where, page: Page, moment: datetime) -> ListStatement:
    """Return a page of the deals that were there at `moment`, each as it was; filters ask the past."""
    filters = filters.copy()
    number = filters.number(moment) + "::timestamptz"
    source = UNCHANGED + number + CHANGED.replace("m.moment", number)
    listed = Listed(DEAL_COLUMNS, source, "deals d", "d.present_owner_id", "d.present_contact_id")
    return select_visible_page(listed, filters, caller, page)
