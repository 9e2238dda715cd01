"""Filters by the beginning of a text, whatever its accents and case, as ranges that indexes serve.

Ranges and not LIKE: under row-level security only leak-proof comparisons can use an index.
"""

from collections.abc import Sequence
from typing import Final, LiteralString

from crm_shared.database import Where
from crm_shared.database.collations import BASE_LETTERS, PEOPLE_ORDER
from crm_shared.text import to_plain_letters

LAST_CHARACTER: Final = "\U0010ffff"
"""Sorts after every text that goes on behind the prefix, in the byte order of "C"."""

LAST_OF_PEOPLE: Final = "\uffff"
"""The same in ICU's orders, which give this character the highest weight there is."""


def starts_with(where: Where, prefix: str, names: Sequence[LiteralString], addresses: Sequence[LiteralString]) -> str:
    """Return the clause "one of the columns starts with `prefix`", whatever accents and case; spaces count as one.

    `names` have an index in people's order. `addresses` are folded and have one in byte order, and a second one in
    people's order of the few that are not ASCII.
    """
    text = " ".join(prefix.split())
    given, plain = where.number(text), where.number(to_plain_letters(text))
    # Texts of the same letters are in order of their accents: the range begins with the one that has none, if ICU too
    # says that it is the same in all letters.
    first = f"CASE WHEN {given}::text COLLATE {BASE_LETTERS} = {plain}::text THEN {plain} ELSE fold_case({given}) END"
    end = where.number(LAST_OF_PEOPLE)

    def is_among_people(column: LiteralString) -> str:
        key = f"{column} COLLATE {PEOPLE_ORDER}"
        return f"({key} >= {first} AND {key} < fold_case({given}) || {end})"

    clauses = [is_among_people(column) for column in names]
    last = where.number(LAST_CHARACTER) if addresses else ""
    for column in addresses:
        clauses += [
            f"({column} >= fold_case({start}) AND {column} < fold_case({start}) || {last})" for start in (given, plain)
        ]
        clauses.append(f"(octet_length({column}) > char_length({column}) AND {is_among_people(column)})")
    return "(" + " OR ".join(clauses) + ")"
