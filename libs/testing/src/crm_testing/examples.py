"""How many examples a property test runs: few in each run of the suite, many times as many by `make examples`."""

import os
from typing import Final

TIMES: Final = int(os.environ.get("CRM_TEST_EXAMPLES_TIMES", "1"))


def examples(usual: int) -> int:
    """Return the `max_examples` of a test for which `usual` will do in the suite."""
    return usual * TIMES
