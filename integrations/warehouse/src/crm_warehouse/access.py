"""The role that a sync reads as: it may look at what the star schema is made of, and do nothing else.

Row-level security shows it every tenant, or one: its policies name the role, and no setting that a role may change
itself (`crm.tenant_id`) widens them.
"""

import secrets
from typing import Any, Final, LiteralString
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import conninfo, sql

ROLE: Final = "reporting_warehouse"
ATTRIBUTES: Final = (
    "ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 5 PASSWORD "
)
WHOLE: Final[tuple[str, ...]] = ()
READS: Final[dict[str, tuple[str, ...]]] = {
    "directory_tenants": ("tenant_id", "name", "base_currency", "time_zone", "xmin"),
    "directory_users": ("tenant_id", "id", "full_name", "role", "manager_id", "active", "time_zone", "xmin"),
    "contacts": ("tenant_id", "id", "owner_id", "source", "is_deleted", "xmin"),
    "pipelines": WHOLE,
    "stages": WHOLE,
    "stage_versions": WHOLE,
    "exchange_rates": WHOLE,
    "quotas": WHOLE,
    "deal_facts": WHOLE,
    "deal_periods": WHOLE,
    "stage_transitions": WHOLE,
    "activity_facts": WHOLE,
}
"""By table the columns that are read; WHOLE where they are all."""


def name_role(tenant: UUID | None) -> str:
    return ROLE if tenant is None else f"{ROLE}_{tenant.hex}"


def grant(admin_dsn: str, owner_dsn: str, role: str, tenant: UUID | None, *, keep_password: bool = False) -> str:
    """Make the role and return its DSN. Safe to run again: it is granted anew, and gets a new password.

    With `keep_password` one that is there keeps its own, and the DSN has none.
    """
    password = secrets.token_urlsafe(24)
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        if not _make_role(admin, role, password, keep_password=keep_password):
            password = ""
    with psycopg.connect(owner_dsn) as owner:
        database = owner.info.dbname
        owner.execute(_text("GRANT CONNECT ON DATABASE {} TO {}", database, role))
        owner.execute(_text("GRANT USAGE ON SCHEMA public TO {}", role))
        for table, columns in READS.items():
            owner.execute(_text("REVOKE ALL ON {} FROM {}", table, role))
            listed = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
            owner.execute(
                sql.SQL("GRANT SELECT{} ON {} TO {}").format(
                    listed if columns else sql.SQL(""), sql.Identifier(table), sql.Identifier(role)
                )
            )
            _show(owner, table, role, tenant)
        host, port = owner.info.host, owner.info.port
    secret = f":{quote(password, safe='')}" if password else ""
    return f"postgresql://{role}{secret}@{host}:{port}/{quote(database, safe='')}"


def revoke(admin_dsn: str, owner_dsn: str, role: str) -> bool:
    """Take all of it back and drop the role. False: there was none."""
    database = conninfo.conninfo_to_dict(owner_dsn)["dbname"]
    with psycopg.connect(admin_dsn, dbname=str(database), autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            return False
        admin.execute(_text("DROP OWNED BY {}", role))
        admin.execute(_text("DROP ROLE {}", role))
    return True


def _make_role(admin: psycopg.Connection[Any], role: str, password: str, *, keep_password: bool) -> bool:
    """Return whether the role has the password now."""
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        admin.execute(_text("CREATE ROLE {}", role))
    elif keep_password:
        return False
    admin.execute(_text(ATTRIBUTES, role) + sql.Literal(password))
    admin.execute(_text("ALTER ROLE {} SET default_transaction_read_only = on", role))
    return True


def _show(owner: psycopg.Connection[Any], table: str, role: str, tenant: UUID | None) -> None:
    """Let the role see all rows of the table, or one tenant's: then a second policy holds, whatever others allow."""
    rows = sql.SQL("true") if tenant is None else sql.SQL("tenant_id = {}").format(sql.Literal(tenant))
    kinds: tuple[LiteralString, ...] = ("PERMISSIVE",) if tenant is None else ("PERMISSIVE", "RESTRICTIVE")
    for kind in kinds:
        policy = f"{role}_{kind.lower()}"[:63]
        owner.execute(_text("DROP POLICY IF EXISTS {} ON {}", policy, table))
        owner.execute(
            _text("CREATE POLICY {} ON {} AS " + kind + " FOR SELECT TO {} USING (", policy, table, role)
            + rows
            + sql.SQL(")")
        )


def _text(template: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*map(sql.Identifier, names))
