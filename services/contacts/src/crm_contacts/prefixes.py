"""Filters by the beginning of a text, as ranges over folded columns."""

from typing import LiteralString

from crm_shared.database import Where

LAST_CHARACTER = "\U0010ffff"
"""Sorts after every text that goes on behind the prefix, in the byte order of these columns' collation."""


def starts_with(where: Where, prefix: str, *columns: LiteralString) -> str:
    """Give the clause "one of `columns` starts with `prefix`", whatever the case; spaces count as one.

    A range and not LIKE: under row-level security only leak-proof comparisons can use an index.
    """
    text = " ".join(prefix.split())
    first, end = where.number(text), where.number(LAST_CHARACTER)
    return (
        "("
        + " OR ".join(
            f"({column} >= fold_case({first}) AND {column} < fold_case({first}) || {end})" for column in columns
        )
        + ")"
    )
