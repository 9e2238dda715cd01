"""Who may do what with each table: a service's `migrations/grants.toml`, which `migrate` makes true at every run."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

ALEMBIC_TABLE: Final = "alembic_version"
"""The migrations' own; nobody else reads or writes it."""

Rights = Mapping[str, Mapping[str, frozenset[str]]]
"""By table and kind of role (app, worker), the names of its privileges."""

KINDS: Final = ("app", "worker")

LIST_RIGHTS: Final = """
    SELECT c.relname, kind, a.privilege_type
      FROM pg_class c
     CROSS JOIN unnest(ARRAY['app', 'worker']) AS kind
      LEFT JOIN LATERAL aclexplode(c.relacl) a
        ON a.grantee = to_regrole(regexp_replace(current_user, '_owner$', '_' || kind))
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
"""


class WrongGrants(Exception):
    """`grants.toml` and the tables that are there differ; the message names them."""


def read_grants(file: Path) -> Rights:
    """Read a service's written table."""
    return {
        table: {kind: frozenset(filter(None, rights[kind].split(", "))) for kind in KINDS}
        for table, rights in tomllib.loads(file.read_text("utf-8")).items()
    }


def list_rights(connection: Connection) -> Rights:
    """Return what the two roles may do now with each table, the migrations' own among them. Asked as the owner."""
    found: dict[str, dict[str, set[str]]] = {}
    for table, kind, privilege in connection.execute(text(LIST_RIGHTS)):
        held = found.setdefault(table, {name: set() for name in KINDS})[kind]
        held |= {privilege} if privilege is not None else set()
    return {table: {kind: frozenset(held) for kind, held in kinds.items()} for table, kinds in found.items()}


def grant(connection: Connection, wanted: Rights) -> None:
    """Bring every table's rights to what is `wanted`. What is right already is not touched.

    `connection` is the owner's. Raises WrongGrants for a table without an entry and for an entry without a table.
    """
    owner: str = connection.execute(text("SELECT current_user")).scalar_one()
    service = owner.removesuffix("_owner")
    present = list_rights(connection)
    closed = {ALEMBIC_TABLE: {kind: frozenset[str]() for kind in KINDS}}
    complete = {**wanted, **closed}
    if odd := sorted(present.keys() ^ complete.keys()):
        raise WrongGrants(f"grants.toml of {service} and its tables differ in: {', '.join(odd)}")
    # An identity column asks for no right on its sequence, and there are no others.
    both = ", ".join(f"{service}_{kind}" for kind in KINDS)
    connection.execute(text(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {both}"))
    for table, rights in complete.items():
        for kind in KINDS:
            if rights[kind] != present[table][kind]:
                for statement in _change(table, f"{service}_{kind}", rights[kind]):
                    connection.execute(text(statement))


def _change(table: str, role: str, rights: frozenset[str]) -> Iterator[str]:
    yield f'REVOKE ALL ON "{table}" FROM {role}'
    if rights:
        yield f'GRANT {", ".join(sorted(rights))} ON "{table}" TO {role}'
