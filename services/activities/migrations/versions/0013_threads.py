"""E-mails in threads: by which message ids they are linked, and who has a message already."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0013"
down_revision = "0012"

# Alike with or without angle brackets. A digest, as it outlives the erasure of the id; the tenant's own.
MESSAGE_KEY = """
    CREATE FUNCTION message_key(tenant_id uuid, message_id text) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN encode(substr(sha256(convert_to(tenant_id::text || btrim(message_id, ' <>'), 'UTF8')), 1, 16), 'hex')::uuid
"""

# Position 0 is the message's own id, the others those that it refers to, the nearest last. Nothing takes a row away but
# an edit: a deleted or erased message stays a link. The tenant comes last in both indexes: before statistics tell more,
# an index that begins with it looks as good for a key as for an activity, and may be read from end to end.
LINKS = """
    CREATE TABLE thread_links (
        tenant_id   uuid NOT NULL,
        key         uuid NOT NULL,
        position    integer NOT NULL,
        activity_id uuid NOT NULL,
        PRIMARY KEY (activity_id, position, tenant_id)
    );
    CREATE INDEX thread_links_by_key ON thread_links (key, position, activity_id, tenant_id);
"""

# By the database, so that no statement can forget it. The first trigger takes in writers who know of no threads: what
# they log joins what it answers. New links are written once a statement, and without a foreign key, as a batch may
# bring a hundred thousand: nothing else writes links.
TRIGGERS = """
    CREATE FUNCTION take_no_thread() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.thread_id := CASE WHEN NEW.type = 'EMAIL' THEN coalesce(
            (SELECT a.thread_id FROM activities a WHERE a.tenant_id = NEW.tenant_id AND a.id = NEW.in_reply_to), NEW.id
        ) END;
        RETURN NEW;
    END $$;

    CREATE TRIGGER activities_take_no_thread BEFORE INSERT OR UPDATE ON activities
       FOR EACH ROW WHEN ((NEW.type = 'EMAIL') <> (NEW.thread_id IS NOT NULL)) EXECUTE FUNCTION take_no_thread();

    CREATE FUNCTION link_messages() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO thread_links (tenant_id, key, position, activity_id)
        SELECT named.tenant_id, named.key, max(named.position), named.id
          FROM (SELECT n.tenant_id, n.id, n.message_id, given.position,
                       message_key(n.tenant_id, given.message_id) AS key
                  FROM new_rows n
                 CROSS JOIN LATERAL unnest(n.reference_ids) WITH ORDINALITY AS given (message_id, position)) AS named
         WHERE named.key IS DISTINCT FROM message_key(named.tenant_id, named.message_id)
         GROUP BY named.tenant_id, named.id, named.key
        UNION ALL
        SELECT n.tenant_id, message_key(n.tenant_id, n.message_id), 0, n.id
          FROM new_rows n
         WHERE n.message_id IS NOT NULL;
        RETURN NULL;
    END $$;

    CREATE FUNCTION relink_messages() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM thread_links l WHERE l.tenant_id = NEW.tenant_id AND l.activity_id = NEW.id;
        INSERT INTO thread_links (tenant_id, key, position, activity_id)
        SELECT NEW.tenant_id, named.key, max(named.position), NEW.id
          FROM (SELECT message_key(NEW.tenant_id, given.message_id) AS key, given.position
                  FROM unnest(NEW.reference_ids) WITH ORDINALITY AS given (message_id, position)) AS named
         WHERE named.key IS DISTINCT FROM message_key(NEW.tenant_id, NEW.message_id)
         GROUP BY named.key
        UNION ALL
        SELECT NEW.tenant_id, message_key(NEW.tenant_id, NEW.message_id), 0, NEW.id
         WHERE NEW.message_id IS NOT NULL;
        RETURN NULL;
    END $$;

    CREATE TRIGGER activities_link_messages AFTER INSERT ON activities
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION link_messages();
    CREATE TRIGGER activities_relink_messages AFTER UPDATE ON activities
       FOR EACH ROW WHEN (
           NEW.erased_at IS NULL
           AND (OLD.message_id, OLD.reference_ids) IS DISTINCT FROM (NEW.message_id, NEW.reference_ids)
       ) EXECUTE FUNCTION relink_messages();
"""


def upgrade() -> None:
    op.execute(MESSAGE_KEY)
    op.execute(LINKS)
    op.execute(protect("thread_links", service="activities"))
    op.execute(TRIGGERS)
