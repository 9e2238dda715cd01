"""Databases of a service beside the live one: filled from a restored cluster, put in its place, kept, dropped."""

from collections.abc import Mapping, Sequence
from typing import Final

import psycopg
from psycopg import sql

from crm_shared.outbox.cleaner import slot_name
from crm_shared.service_registry import PUBLISHERS

KEPT: Final = "_replaced_"

LIST_KEPT: Final = r"""
    SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname LIKE 'crm\_%\_replaced\_%' ORDER BY datname
"""
# What a dump of a database doesn't hold: who may do what with the database itself.
FIND_GRANTS: Final = """
    SELECT CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END,
           granted.privilege_type
      FROM pg_database d
     CROSS JOIN LATERAL aclexplode(d.datacl) AS granted
     WHERE d.datname = %s AND granted.grantee <> d.datdba
"""
FIND_ROLES: Final = """
    SELECT DISTINCT r.rolname
      FROM pg_shdepend s
      JOIN pg_database d ON d.oid = s.dbid
      JOIN pg_roles r ON r.oid = s.refobjid
     WHERE s.refclassid = 'pg_authid'::regclass AND d.datname = %s
"""
IS_ROLE: Final = "SELECT FROM pg_roles WHERE rolname = %s"
END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY (%s) AND pid <> pg_backend_pid()
"""
DROP_SLOTS: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY (%s)"


def database_of(service: str) -> str:
    return f"crm_{service}"


def filling_name(service: str) -> str:
    """Name the database that is being filled; one that is left was never whole."""
    return f"crm_{service}_restoring"


def kept_name(service: str, stamp: str) -> str:
    """Name a database that was replaced in the restore of `stamp`, such as 20261130t102500z."""
    return f"crm_{service}{KEPT}{stamp}"


def list_kept(admin_dsn: str) -> Mapping[str, int]:
    """Return the databases that were replaced and not dropped yet, with their sizes in bytes."""
    with psycopg.connect(admin_dsn) as admin:
        return {str(name): int(size) for name, size in admin.execute(LIST_KEPT).fetchall()}


def drop_kept(admin_dsn: str, name: str) -> bool:
    """Drop one of those; return whether it was there."""
    if name not in list_kept(admin_dsn):
        return False
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    return True


def make_empty(admin_dsn: str, source_dsn: str, service: str) -> str:
    """Make the database that `service` is restored into, which is that at `source_dsn` in a cluster on the side.

    Roles that have rights there and are gone since are made again, as nobody who could log in. Return its name.
    """
    name = filling_name(service)
    discard_filled(admin_dsn, [service])
    with psycopg.connect(source_dsn) as source, psycopg.connect(admin_dsn, autocommit=True) as admin:
        wanted = [str(role) for (role,) in source.execute(FIND_ROLES, [database_of(service)]).fetchall()]
        grants = source.execute(FIND_GRANTS, [database_of(service)]).fetchall()
        for role in wanted:
            if admin.execute(IS_ROLE, [role]).fetchone() is None:
                admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        owner, database = sql.Identifier(f"{service}_owner"), sql.Identifier(name)
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(database, owner))
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for grantee, privilege in grants:
            admin.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(privilege), database, sql.SQL(grantee))
            )
    return name


def discard_filled(admin_dsn: str, services: Sequence[str]) -> None:
    """Drop what was being filled, whoever is at it yet."""
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        for service in services:
            name = sql.Identifier(filling_name(service))
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def swap(admin_dsn: str, services: Sequence[str], stamp: str) -> None:
    """Put the filled databases in the places of the live ones, all of them or none; those are kept.

    Nothing of the services may run. Connectors of Debezium begin anew, with a slot in the new database.
    """
    publishing = [slot_name(service) for service in services if service in PUBLISHERS]
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        names = [name for service in services for name in (database_of(service), filling_name(service))]
        admin.execute(END_SESSIONS, [names])
        admin.execute(DROP_SLOTS, [publishing])
        with admin.transaction():
            for service in services:
                live, filled = database_of(service), filling_name(service)
                for old, new in ((live, kept_name(service, stamp)), (filled, live)):
                    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                    admin.execute(statement.format(sql.Identifier(old), sql.Identifier(new)))


def is_swapped(admin_dsn: str, services: Sequence[str], stamp: str) -> bool:
    """Return whether `swap` was done."""
    kept = list_kept(admin_dsn)
    return all(kept_name(service, stamp) in kept for service in services)
