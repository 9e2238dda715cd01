"""How many results the finder remembers of each of its dear functions.

All of them full take a worker some 70 MiB, however many contacts a tenant has: names come again by the thousand, and
what comes seldom is worked out anew for a microsecond or two.
"""

from typing import Final

CACHED: Final = 20_000
CACHED_LARGE: Final = 4_000
"""Of results of two kilobytes each."""
