"""`crm-reporting rebuild` as a process that ends itself by a signal, once it has come to a step.

Called with the topics by aggregate, what is said there (or `batch`: after the first batch), and the signal's number.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import typer
from aiokafka import ConsumerRecord
from services.reporting.tests.integration.topic_readers import to_readers

from crm_reporting import cli, worker
from crm_reporting.rebuild.filling import Filling

BATCH = "batch"


def main() -> None:
    topics, step, ending = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # A shell's background job ignores SIGINT, and so would the tests that run in it and what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    echo, take = typer.echo, Filling._take  # noqa: SLF001 - where a batch ends is nobody else's business

    def echo_and_end(text: str, **how: Any) -> None:
        echo(text, **how)
        if text.startswith(step):
            os.kill(os.getpid(), ending)

    async def take_and_end(filling: Filling, records: Sequence[ConsumerRecord]) -> None:
        await take(filling, records)
        if step == BATCH:
            os.kill(os.getpid(), ending)

    worker.CONSUMERS = tuple(to_readers(topics))  # type: ignore[assignment]
    typer.echo = echo_and_end  # type: ignore[assignment]
    setattr(Filling, "_take", take_and_end)  # noqa: B010 - mypy takes no other method in its place
    cli.main(["rebuild"])


if __name__ == "__main__":
    main()
