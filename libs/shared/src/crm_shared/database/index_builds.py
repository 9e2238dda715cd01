"""Indexes that a migration builds on a table that is in use: reads and writes go on meanwhile."""

from typing import Final

# An index of another form takes the old one's name once it stands. Whatever a migration that died has left behind is
# made anew.
_REBUILD: Final = (
    "DROP INDEX CONCURRENTLY IF EXISTS {name}_new",
    "CREATE INDEX CONCURRENTLY {name}_new ON {definition}",
    "DROP INDEX CONCURRENTLY IF EXISTS {name}",
    "ALTER INDEX {name}_new RENAME TO {name}",
)


def to_rebuild(name: str, definition: str) -> tuple[str, ...]:
    """Return the statements that make or replace index `name`, each to be run by itself, outside a transaction.

    `definition`: what stands behind ON.
    """
    return tuple(statement.format(name=name, definition=definition) for statement in _REBUILD)
