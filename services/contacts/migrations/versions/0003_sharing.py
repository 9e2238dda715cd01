"""Shares of contacts, by user: what sight asks for."""

from alembic import op

from crm_shared.access.shares import shares_ddl

revision = "0003"
down_revision = "0002"

# contacts.shares is the original; this keeps contact_shares in step with it, whichever statement writes a contact: an
# edit, a restore, a merge, an erasure, an import that is taken back. A write that changes neither shares nor deleted_at
# costs no call. There is nothing to take over: no release before this one could write a share.
FOLLOW = """
    CREATE FUNCTION follow_shares() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM contact_shares s
         WHERE s.tenant_id = NEW.tenant_id AND s.contact_id = NEW.id
           AND (NEW.deleted_at IS NOT NULL
                OR NOT EXISTS (SELECT FROM jsonb_to_recordset(NEW.shares) AS wanted (user_id uuid)
                                WHERE wanted.user_id = s.user_id));
        IF NEW.deleted_at IS NULL THEN
            INSERT INTO contact_shares AS s (tenant_id, user_id, contact_id, permission)
            SELECT NEW.tenant_id, wanted.user_id, NEW.id, wanted.permission
              FROM jsonb_to_recordset(NEW.shares) AS wanted (user_id uuid, permission text)
            ON CONFLICT (tenant_id, user_id, contact_id) DO UPDATE
               SET permission = excluded.permission
             WHERE s.permission <> excluded.permission;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER contacts_shared AFTER INSERT ON contacts
        FOR EACH ROW WHEN (NEW.shares <> '[]') EXECUTE FUNCTION follow_shares();
    CREATE TRIGGER contacts_shares_changed AFTER UPDATE OF shares, deleted_at ON contacts
        FOR EACH ROW WHEN ((OLD.shares, OLD.deleted_at IS NULL) IS DISTINCT FROM (NEW.shares, NEW.deleted_at IS NULL))
        EXECUTE FUNCTION follow_shares();
"""


def upgrade() -> None:
    op.execute(shares_ddl("contacts"))
    op.execute(FOLLOW)
