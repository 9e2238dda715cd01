"""Reads the commands of the suite out of the documentation, and holds each against its own command line."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final

import typer

from crm_shared.service_registry import SERVICES

ROOT: Final = Path(__file__).parents[2]
ANY: Final = "SERVICE"
"""Where a page says crm-SERVICE or crm-<service>, one of them has to take the command."""
PAGES: Final = ("docs/**/*.md", "services/*/README.md", "deploy/**/*.md", "README.md", "CONTRIBUTING.md")
HISTORY: Final = "docs/decisions"
"""Decisions tell of what was, and stay as they are."""

# `crm` is also what a release or a database is called: the program is what stands first, or by its path.
_PROGRAM: Final = re.compile(rf"(?:.*/)?crm(?:-(?P<service>{'|'.join(SERVICES)}|{ANY}))?")
NO_PROGRAM: Final = ""
_IN_A_CONTAINER: Final = "/opt/crm/crm-service"
_CONTAINER: Final = re.compile(rf"(?:deploy/crm-)?({'|'.join(SERVICES)})-(?:api|worker|relay)")
_BEFORE: Final = re.compile(r"(?:[A-Z_]+=\S*|uv|run|exec|export|sudo)")


@dataclass(frozen=True, slots=True)
class Command:
    """`words` follow the program's name; `service` is None for `crm` itself."""

    place: str
    service: str | None
    words: Sequence[str]


def read_commands() -> list[Command]:
    """Return every call of a program of the suite that a page of the documentation or an alert has."""
    pages = sorted({path for pattern in PAGES for path in ROOT.glob(pattern) if "tests" not in path.parts})
    current = [path for path in pages if HISTORY not in str(path)]
    rules = sorted((ROOT / "deploy/observability/prometheus/rules").glob("*.yml"))
    found = [command for path in current for command in _read_page(path)]
    return found + [command for path in rules for command in _read_rules(path)]


def _read_page(path: Path) -> Iterator[Command]:
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    is_fenced = False
    for number, line in zip(count(1), lines, strict=False):
        if line.startswith("```"):
            is_fenced = not is_fenced
            continue
        is_code = (is_fenced or line.startswith("    ")) and "`" not in line  # else it shows what a program says
        snippets = [line] if is_code else re.findall(r"`([^`]+)`", line)
        for snippet in snippets:
            yield from _read_snippet(f"{path.relative_to(ROOT)}:{number}", snippet)


def _read_rules(path: Path) -> Iterator[Command]:
    """Read a summary's command; a label that an alert fills in is a word, or one of the services."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if (at := line.find("crm-{{ $labels.service }} ")) >= 0:
            filled = re.sub(r"\{\{[^}]*\}\}", "LABEL", line[at:].replace("{{ $labels.service }}", "deals"))
            yield from _read_snippet(f"{path.relative_to(ROOT)}:{number}", filled.rstrip("'\""))


def _read_snippet(place: str, snippet: str) -> Iterator[Command]:
    line = re.split(r"\s#\s|\s{2,}#", f"{snippet} ".replace("crm-<service>", f"crm-{ANY}"))[0]
    for part in re.split(r"&&|\|\||;|\$\(|\)|\s\|\s|…", line):
        words = _split(part)
        for at in range(len(words)):
            service = _find_service(words, at)
            if service is not NO_PROGRAM:
                yield Command(place, service, words[at + 1 :])
                break


def _find_service(words: Sequence[str], at: int) -> str | None:
    """Return whose program stands there: a service, None for `crm`, NO_PROGRAM where none does."""
    word = words[at]
    if word == _IN_A_CONTAINER:
        named = [match[1] for match in map(_CONTAINER.fullmatch, words[:at]) if match]
        return named[-1] if named else NO_PROGRAM
    match = _PROGRAM.fullmatch(word)
    if match is None or not all(_BEFORE.fullmatch(before) for before in words[:at]):
        return NO_PROGRAM
    return match["service"]


def _split(text: str) -> list[str]:
    # What may be left out stands in brackets.
    plain = re.sub(r"[\[\]`]", " ", re.sub(r"(?<=\w)\[[^\]]*\]", "", text))
    try:
        words = shlex.split(plain)
    except ValueError:
        words = plain.split()
    return [word for word in words if word.strip(".")]


@cache
def _program(service: str | None) -> Any:
    if service is None:
        return typer.main.get_command(import_module("crm_local.cli").app)
    return typer.main.get_command(import_module(f"crm_{service}.cli").main)


def explain_refusal(command: Command) -> str | None:
    """Return why the program would not take the command, None where it would. Values are not looked at."""
    words = command.words
    if command.service == ANY:
        refusals = [explain_refusal(Command(command.place, service, words)) for service in SERVICES]
        return None if None in refusals else refusals[0]
    if command.service is None and words[:1] == ["run"] and len(words) > 1 and words[1] in SERVICES:
        return explain_refusal(Command(command.place, words[1], words[2:]))
    program = _program(command.service)
    depth = 0
    while depth < len(words) and hasattr(program, "commands") and not words[depth].startswith("-"):
        if words[depth] not in program.commands:
            return f"{program.name} has no command {words[depth]}"
        program = program.commands[words[depth]]
        depth += 1
    return _explain_words(program, words[depth:])


def _explain_words(program: Any, words: Sequence[str]) -> str | None:
    """Do so for what follows a command: its options, and words beside them."""
    options = {name: one for one in program.params for name in (*one.opts, *one.secondary_opts)}
    given = 0
    left = iter(words)
    for word in left:
        name, _, value = word.partition("=")
        if not word.startswith("-"):
            given += 1
        elif name not in (*options, "--help"):
            return f"{program.name} has no option {name}"
        elif not value and name != "--help" and not getattr(options[name], "is_flag", False):
            next(left, None)
    taken = [one.nargs for one in program.params if one.param_type_name == "argument"]
    return f"{program.name} takes no {given} words" if given > sum(taken) and -1 not in taken else None
