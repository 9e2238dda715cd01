"""How large the benchmarks are: at full size their figures mean something, at tiny size they only show that they run.

`BENCH_SIZE=tiny make bench` takes under a minute; tests run it so, and look at no figure.
"""

import os
from typing import Final, TypeVar

Size = TypeVar("Size")
IS_TINY: Final = os.environ.get("BENCH_SIZE", "full") == "tiny"


def sized(full: Size, *, tiny: Size) -> Size:
    """Return the size that this run has."""
    return tiny if IS_TINY else full


WARM_UP_S: Final = sized(1.0, tiny=0.05)
"""Before a server is measured: its statements are prepared then, its caches warm."""
