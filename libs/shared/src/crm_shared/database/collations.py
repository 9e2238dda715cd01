"""How people sort names and look for them: collations that PostgreSQL takes from ICU.

`people_order` is the root order of Unicode: letters first, then accents, then case. It tells any two different texts
apart, so pages by it neither repeat nor lose a row. `base_letters` takes texts for equal that differ by accents or case
alone. Comparisons in either are leak-proof, so that an index serves them under row-level security too.
"""

from typing import Final, LiteralString

PEOPLE_ORDER: Final[LiteralString] = "people_order"
BASE_LETTERS: Final[LiteralString] = "base_letters"

COLLATIONS_DDL: Final = """
    CREATE COLLATION IF NOT EXISTS people_order (provider = icu, locale = 'und');
    CREATE COLLATION IF NOT EXISTS base_letters (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
"""
