"""Names in people's order, and found whatever their accents."""

from alembic import op

from crm_shared.database.collations import COLLATIONS_DDL
from crm_shared.database.index_builds import to_rebuild

revision = "0013"
down_revision = "0012"

# In the collation by name: the columns stay as they are, so that no table is rewritten. In byte order no list reads
# them any more.
INDEXES = {
    "contacts_by_name": "contacts (tenant_id, name_key COLLATE people_order, id)",
    "contacts_by_surname": "contacts (tenant_id, surname_key COLLATE people_order, id)",
    "contacts_by_owner_name": "contacts (tenant_id, owner_id, name_key COLLATE people_order, id)",
    "companies_by_name": "companies (tenant_id, name_key COLLATE people_order, id)",
    "companies_by_owner_name": "companies (tenant_id, owner_id, name_key COLLATE people_order, id)",
}
# Few addresses are not ASCII, and only those can hold an accent.
ACCENTED = {
    "contacts_by_accented_email": ("contacts (tenant_id, email_key COLLATE people_order)", "email_key"),
    "companies_by_accented_domain": ("companies (tenant_id, domain COLLATE people_order)", "domain"),
}


def upgrade() -> None:
    op.execute(COLLATIONS_DDL)
    wanted = {name: f"{columns} WHERE deleted_at IS NULL" for name, columns in INDEXES.items()} | {
        name: f"{columns} WHERE deleted_at IS NULL AND octet_length({column}) > char_length({column})"
        for name, (columns, column) in ACCENTED.items()
    }
    with op.get_context().autocommit_block():
        for name, definition in wanted.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
