"""Run a service's command with its loop looked at every 2 ms: `python -m benchmarks.watched crm_deals.cli api`.

What a look tells of as held includes what the loop did in the pause before it. Of a tenth of a second, as in service,
that is far more than what is looked for here, wherever the machine has too little time for the loop.
"""

import importlib
import sys
from typing import Final

from crm_shared.telemetry import loop_lag

EVERY_S: Final = 0.002


def main() -> None:
    module = sys.argv.pop(1)
    loop_lag.PAUSE_S = EVERY_S  # type: ignore[misc]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
