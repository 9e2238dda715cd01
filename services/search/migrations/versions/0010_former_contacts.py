"""Contacts that were merged into others, which are found by their names and addresses from now on."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0010"
down_revision = "0009"

MERGES = """
    CREATE TABLE former_contacts (
        tenant_id   uuid NOT NULL,
        contact_id  uuid NOT NULL,
        survivor_id uuid NOT NULL,
        is_over     boolean NOT NULL DEFAULT false,  -- undone, or merged into another meanwhile
        PRIMARY KEY (tenant_id, contact_id, survivor_id)
    );
    CREATE INDEX former_contacts_by_survivor ON former_contacts (tenant_id, survivor_id, contact_id);
"""

# Of merges that were told before; documents are made anew for another INDEX_VERSION anyway.
KNOWN = """
    INSERT INTO former_contacts (tenant_id, contact_id, survivor_id)
    SELECT tenant_id, id, (state ->> 'merged_into')::uuid
      FROM search_records
     WHERE type = 'contact' AND is_hidden AND state ->> 'merged_into' IS NOT NULL
"""
FORMER = """
    UPDATE search_records
       SET face = face || jsonb_build_object('former', jsonb_build_object(
               'first_name', state -> 'first_name', 'last_name', state -> 'last_name', 'email', state -> 'email',
               'phone', state -> 'phone', 'phone_e164', state -> 'phone_e164', 'merged_into', state -> 'merged_into'))
     WHERE type = 'contact' AND is_hidden AND state ->> 'merged_into' IS NOT NULL
"""


# Without an owner's policy FORCE hides every row from whom the tables belong to.
TABLES = ("search_records", "former_contacts")
SEE_ALL = "CREATE POLICY owner_fills ON {} TO CURRENT_USER USING (true) WITH CHECK (true)"
AS_BEFORE = "DROP POLICY owner_fills ON {}"


def upgrade() -> None:
    op.execute(MERGES)
    op.execute(protect("former_contacts", service="search"))
    for table in TABLES:
        op.execute(SEE_ALL.format(table))
    op.execute(KNOWN)
    op.execute(FORMER)
    for table in TABLES:
        op.execute(AS_BEFORE.format(table))
