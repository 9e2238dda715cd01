"""Where the `crm` command begins: whoever interrupts it while it loads sees no stack trace either."""

import sys


def main() -> None:
    try:
        from crm_local.cli import main as run  # noqa: PLC0415 - loading is what may be interrupted

        run()
    except KeyboardInterrupt:
        sys.exit(130)
