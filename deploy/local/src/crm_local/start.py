"""Where the `crm` command begins: whoever interrupts it, or takes its output away, sees no stack trace."""

import os
import signal
import sys


def main() -> None:
    # What is interrupted while it loads may take that for a fault of the module that is being loaded. Where interrupts
    # are ignored, as in a shell's background job, they stay so.
    is_caught = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_caught:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from crm_local.cli import main as run  # noqa: PLC0415 - loading is what may be interrupted

    if is_caught:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            run()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # A disk that is full, a file that may not be read: what is held of the output has nowhere to go at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"crm: {error}")
