"""The house's rules that ruff can't see. Each names its reason; each has a twin below that shows it can fail."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from architecture.source_files import ROOT, SERVICES, SourceFile, read_sources

SOURCES = read_sources()

VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "service", "services"}

IO_ROOMS = {"commands", "repository", "queries", "routes", "schemas", "consumers", "app", "worker", "cli", "store"}
STANDARD_IO = {"asyncio", "socket", "subprocess", "urllib", "http", "pathlib", "os", "time", "logging"}
DOMAIN_MAY_SHARE = (
    "crm_shared.refusals",
    "crm_shared.money",
    "crm_shared.retention",
    "crm_shared.contracts.states",
    "crm_shared.access.caller",
    "crm_shared.custom_fields.kinds",
)

FORBIDDEN_BY_ROOM: dict[str, tuple[str, ...]] = {
    "routes": (".repository",),  # a route decides nothing and loads nothing
    "queries": (".commands", ".routes"),
    "repository": (".commands", ".queries", ".routes", ".schemas"),
    "commands": (".routes", ".schemas", ".app", ".worker"),
    "schemas": (".repository", ".queries", ".routes"),
    "events": (".repository", ".commands", ".queries", ".routes", ".schemas"),
    "worker": (".routes", ".schemas"),
    "consumers": (".routes", ".schemas", ".app"),
    "projections": (".routes", ".schemas", ".app"),
}


def wrong_service_imports(sources: Iterable[SourceFile]) -> Iterator[str]:
    """Services learn of each other only through events; crm_shared knows no business; nothing imports an app."""
    for source in sources:
        for line, module in source.imports():
            other = next((s for s in SERVICES if module.split(".")[0] == f"crm_{s}"), None)
            is_own = other is not None and source.package == f"crm_{other}"
            if other is not None and not is_own and source.package != "crm_local":
                yield f"{source.name}:{line} imports {module}"
            if is_own and module.endswith(".app") and source.room != "cli":
                yield f"{source.name}:{line} imports the app, which puts everything together"


def wrong_room_imports(sources: Iterable[SourceFile]) -> Iterator[str]:
    for source in sources:
        if source.package == "crm_shared":
            continue
        for line, module in source.imports():
            if module.startswith("crm_") and any(
                module.endswith(end) or f"{end}." in module for end in FORBIDDEN_BY_ROOM.get(source.room, ())
            ):
                yield f"{source.name}:{line} ({source.room}) imports {module}"


def impure_domains(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List impure domains: values in, values and events out; no I/O, no clock but the instant handed in."""
    for source in sources:
        if source.room != "domain":
            continue
        for line, module in source.imports():
            top, *rest = module.split(".")
            is_ours = top == source.package and not IO_ROOMS.intersection(rest)
            is_shared = module.startswith(DOMAIN_MAY_SHARE) or any(m.startswith(module) for m in DOMAIN_MAY_SHARE)
            is_foreign = top not in {source.package, "crm_shared"} and not _is_standard(top)
            is_room_with_io = top == source.package and not is_ours
            if top in STANDARD_IO or is_foreign or is_room_with_io or (top == "crm_shared" and not is_shared):
                yield f"{source.name}:{line} imports {module}"
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                yield f"{source.name}:{node.lineno} reads the clock"


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names


SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")


def sql_by_format(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List formatted SQL. It is text that a reader can run; values are parameters, never pasted in."""
    for source in sources:
        if source.package == "crm_shared" and "database" in source.path.parts:
            continue  # its DDL names tables and roles, which can't be parameters
        for node in ast.walk(source.tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(v.value for v in node.values if isinstance(v, ast.Constant) and isinstance(v.value, str))
                if SQL.search(text) and any(isinstance(v, ast.FormattedValue) for v in node.values):
                    yield f"{source.name}:{node.lineno} formats SQL"


def subscribers_elsewhere(sources: Iterable[SourceFile]) -> Iterator[str]:
    """FastStream's defaults acknowledge before the handler ran: only crm_shared.bus may make a subscriber."""
    for source in sources:
        if source.package == "crm_shared" and "bus" in source.path.parts:
            continue
        for line, module in source.imports():
            if module.split(".")[0] == "faststream":
                yield f"{source.name}:{line} imports {module}"


def swallowed_errors(sources: Iterable[SourceFile]) -> Iterator[str]:
    """On the way to a dead letter, an error that nobody foresaw must come out: swallowed, it would lose the record."""
    for source in sources:
        if source.package != "crm_shared" or not {"bus", "outbox"} & set(source.path.parts):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            ):
                last = node.body[-1]
                speaks = any(
                    isinstance(inner, ast.Raise | ast.Return | ast.Await | ast.Assign) for inner in ast.walk(node)
                )
                if isinstance(last, ast.Pass) or not speaks:
                    yield f"{source.name}:{node.lineno} swallows an error"


def vague_names(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List names that hide what they hold: what is in a `utils`, nobody can say."""
    for source in sources:
        if source.room in VAGUE or VAGUE & set(source.path.parent.parts[-2:]) - {"services"}:
            yield source.name


Check = Callable[[Iterable[SourceFile]], Iterator[str]]

CHECKS: list[Check] = [
    wrong_service_imports,
    wrong_room_imports,
    impure_domains,
    sql_by_format,
    subscribers_elsewhere,
    swallowed_errors,
    vague_names,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check: Check) -> None:
    assert list(check(SOURCES)) == []


def _file(path: str, package: str, text: str) -> SourceFile:
    return SourceFile(ROOT / Path(path), package, ast.parse(text))


@pytest.mark.parametrize(
    ("check", "path", "package", "text"),
    [
        (wrong_service_imports, "services/deals/src/crm_deals/x.py", "crm_deals", "import crm_contacts"),
        (wrong_service_imports, "libs/shared/src/crm_shared/x.py", "crm_shared", "from crm_deals import app"),
        (wrong_room_imports, "a/routes.py", "crm_deals", "from crm_deals.deals import repository"),
        (impure_domains, "a/domain.py", "crm_deals", "import asyncpg"),
        (impure_domains, "a/domain.py", "crm_deals", "from crm_shared.database import Where"),
        (impure_domains, "a/domain.py", "crm_deals", "from datetime import datetime\nx = datetime.now()"),
        (sql_by_format, "a/queries.py", "crm_deals", "x = f'SELECT * FROM deals WHERE id = {i}'"),
        (subscribers_elsewhere, "a/consumers.py", "crm_deals", "from faststream.kafka import KafkaBroker"),
        (swallowed_errors, "libs/bus/x.py", "crm_shared", "try:\n    f()\nexcept Exception:\n    log()"),
        (vague_names, "services/deals/src/crm_deals/utils.py", "crm_deals", ""),
    ],
)
def test_each_rule_can_fail(check: Check, path: str, package: str, text: str) -> None:
    assert list(check([_file(path, package, text)])) != []
