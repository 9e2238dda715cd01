"""What each room of a service may import. Each rule names its reason; each has a twin below that shows it can fail."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest
from architecture.source_files import SourceFile, parse_as, read_sources

from crm_shared.service_registry import SERVICES

IO_ROOMS = {"commands", "repository", "queries", "routes", "schemas", "consumers", "app", "worker", "cli", "store"}
STANDARD_IO = {"asyncio", "socket", "subprocess", "urllib", "http", "pathlib", "os", "time", "logging"}
DOMAIN_MAY_SHARE = (
    "crm_shared.record_fields",
    "crm_shared.refusals",
    "crm_shared.money",
    "crm_shared.retention",
    "crm_shared.contracts.states",
    "crm_shared.access.caller",
    "crm_shared.permissions",
    "crm_shared.features.custom_fields.kinds",
    "crm_shared.features.imports.value_forms",
    "crm_shared.features.imports.problems",
)


@dataclass(frozen=True, slots=True)
class Room:
    """What a room may import: `rooms`, its service's or crm_shared's, and of crm_shared no folder but `shared`."""

    rooms: str
    shared: str


# The table of rooms in ARCHITECTURE.md. A file whose name is none of these, such as `editing.py`, is part of the rooms
# that import it.
ROOMS = {
    "events": Room("domain", "contracts"),
    "columns": Room("domain columns", "custom_fields database imports record_fields refusals"),
    "repository": Room(
        "domain events columns repository", "access clock custom_fields database imports json_text permissions refusals"
    ),
    "queries": Room(
        "domain events columns repository queries store",
        "access database event_loop_turns listing permissions refusals",
    ),
    "commands": Room(
        "domain events columns repository queries commands",
        "access clock contracts custom_fields database erasure event_loop_turns imports money permissions publishing"
        " record_fields refusals replicas",
    ),
    "schemas": Room(
        "domain commands schemas settings",
        "access batches contracts custom_fields http imports money text time_window time_zones",
    ),
    "routes": Room(
        "domain events commands queries schemas filters store settings routes",
        "access batches contracts custom_fields database http imports listing permissions refusals replicas"
        " spreadsheets",
    ),
}
SERVES_LISTS = "access database listing permissions text time_window"
"""What `crm_shared.listing` may import: it knows no HTTP."""

SERVES_FILTERS = "access custom_fields database listing permissions refusals text time_window"
"""What `filters` may: from a query's values to SQL, whichever way the values came."""

WHOLE_SUITE = ("crm_local", "crm_testing")
"""What knows every service, as it runs or tries them all."""

OTHER_ROOMS = ("domain", "filters", "store", "settings", "projections", "consumers", "app", "worker", "cli")
FORBIDDEN_ROOMS = {"worker": "routes schemas", "consumers": "routes schemas app", "projections": "routes schemas app"}
"""What those that put together, or read the bus, may not import."""


def room_of(stem: str) -> str | None:
    """Return a file's room: `stage_commands.py` is of the commands. None for one that is of no room."""
    ending = stem.rpartition("_")[2]
    return stem if stem in OTHER_ROOMS else ending if ending in ROOMS else None


def room_of_module(module: str) -> str | None:
    return next((room for part in reversed(module.split(".")[1:]) if (room := room_of(part))), None)


def wrong_service_imports(sources: Iterable[SourceFile]) -> Iterator[str]:
    """Services learn of each other only through events; crm_shared knows no business; nothing imports an app."""
    for source in sources:
        for line, module in source.imports():
            other = next((s for s in SERVICES if module.split(".")[0] == f"crm_{s}"), None)
            is_own = other is not None and source.package == f"crm_{other}"
            if other is not None and not is_own and source.package not in WHOLE_SUITE:
                yield f"{source.name}:{line} imports {module}"
            if is_own and module.endswith(".app") and source.room != "cli":
                yield f"{source.name}:{line} imports the app, which puts everything together"


def wrong_room_imports(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List imports that the table of rooms does not name."""
    for source in sources:
        room = room_of(source.room)
        for line, module in source.imports():
            if module.startswith("crm_") and not _may_import(source, room, module):
                yield f"{source.name}:{line} imports {module}; {_describe_room(room)}"


def _describe_room(room: str | None) -> str:
    if room in ROOMS:
        return f"{room} may import, of its service, {ROOMS[room].rooms}; of crm_shared, {ROOMS[room].shared}"
    return f"{room or 'the folder'} may not, by the rules in {__name__}"


def _may_import(source: SourceFile, room: str | None, module: str) -> bool:
    package, *steps = module.split(".")
    if steps[:1] == ["features"]:  # a feature is named by its own name alone, whichever storey it stands on
        steps = steps[1:]
    folder = source.path.parent.name
    if source.package == "crm_shared" and folder == "listing":
        return package != "crm_shared" or not steps or steps[0] in SERVES_LISTS.split()
    if room == "filters" and package == "crm_shared" and steps:
        return steps[0] in SERVES_FILTERS.split()
    is_own = package == source.package and (package != "crm_shared" or steps[:1] == [folder])
    other = room_of_module(module)
    if room in FORBIDDEN_ROOMS:
        return other not in FORBIDDEN_ROOMS[room].split()
    if room not in ROOMS:
        return True
    if other is not None and other not in ROOMS[room].rooms.split():
        return False
    return is_own or package != "crm_shared" or not steps or steps[0] in ROOMS[room].shared.split()


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
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                yield f"{source.name}:{node.lineno} reads the clock"


WITH_IO = {
    *("asyncpg", "psycopg", "duckdb", "alembic", "elasticsearch", "aiokafka", "faststream", "httpx", "fastapi"),
    *("starlette", "structlog", "prometheus_client", "opentelemetry", "typer", "rich"),
    *(STANDARD_IO - {"os", "time"}),  # these two are read below, by name
    *("contextlib", "sys", "threading", "signal", "tempfile"),
}
RUNS_THE_SUITE = {"crm_local", "crm_issuer", "crm_observability", "crm_testing"}
CLOCK = {"now", "utcnow", "today", "monotonic", "perf_counter", "time.time"}
CHANCE = {
    "uuid1",
    "uuid4",
    "uuid7",
    "new_id",
    "token_bytes",
    "token_hex",
    "token_urlsafe",
    "Random",
    "choice",
    "random",
}
ENVIRONMENT = {"environ", "getenv"}
MAKES_IT = {
    "crm_shared/clock.py": "the clock, and ids by it",
    "crm_shared/contracts/writing.py": "an event gets its id where it is made",
    "crm_shared/http/batch_limit.py": "windows of this process' own time",
    "crm_shared/telemetry/traces.py": "ids of traces",
    "crm_contacts/imports/rows.py": "ids of a chunk's records, in the process beside",
    "crm_deals/webhooks/signing.py": "makes secrets",
    "crm_activities/calendar/feed_secrets.py": "makes secrets",
}
"""Modules without I/O that are there to bring time or chance in."""


def impure_modules(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List modules that do no I/O and yet read clock, chance or environment, so that a call is not all that decides.

    A module does I/O that awaits, or imports what does.
    """
    for source in sources:
        if source.package in RUNS_THE_SUITE or source.name.split("/src/")[-1] in MAKES_IT or _does_io(source):
            continue
        for node in source.nodes:
            called = node.func if isinstance(node, ast.Call) else node
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            is_read = isinstance(node, ast.Call) and (name in CLOCK | CHANCE or ast.unparse(called) in CLOCK)
            if is_read or name in ENVIRONMENT:
                yield f"{source.name}:{getattr(node, 'lineno', 0)} reads clock, chance or environment: hand it in"


def _does_io(source: SourceFile) -> bool:
    for _, module in source.imports():
        top, *rest = module.split(".")
        is_ours = top in {source.package, "crm_shared"}
        if top in WITH_IO or (is_ours and (IO_ROOMS & set(rest) or rest[:1] in (["database"], ["http"]))):
            return True
    return any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in source.nodes)


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names


Check = Callable[[Iterable[SourceFile]], Iterator[str]]

CHECKS: list[Check] = [
    wrong_service_imports,
    wrong_room_imports,
    impure_domains,
    impure_modules,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check: Check) -> None:
    assert list(check(read_sources())) == []


@pytest.mark.parametrize(
    ("check", "path", "package", "text"),
    [
        (wrong_service_imports, "services/deals/src/crm_deals/x.py", "crm_deals", "import crm_contacts"),
        (wrong_service_imports, "libs/shared/src/crm_shared/x.py", "crm_shared", "from crm_deals import app"),
        (wrong_room_imports, "a/routes.py", "crm_deals", "from crm_deals.deals import repository"),
        (wrong_room_imports, "a/board_routes.py", "crm_deals", "from crm_deals.deals.repository import load"),
        (wrong_room_imports, "a/queries.py", "crm_deals", "from crm_shared.http.cursors import next_cursor"),
        (wrong_room_imports, "a/queries.py", "crm_deals", "from crm_deals.deals.schemas import DealList"),
        (wrong_room_imports, "a/queries.py", "crm_deals", "from crm_deals.deals.filters import to_where"),
        (wrong_room_imports, "a/repository.py", "crm_deals", "from crm_deals.deals import queries"),
        (wrong_room_imports, "a/repository.py", "crm_deals", "from crm_shared.outbox import append"),
        (wrong_room_imports, "a/stage_commands.py", "crm_deals", "from crm_deals.deals.schemas import MoveDealRequest"),
        (wrong_room_imports, "a/commands.py", "crm_deals", "from crm_shared.http.bodies import read_fields"),
        (
            wrong_room_imports,
            "a/commands.py",
            "crm_deals",
            "from crm_shared.features.custom_fields.schemas import FieldQuery",
        ),
        (wrong_room_imports, "a/columns.py", "crm_deals", "from crm_deals.deals import repository"),
        (wrong_room_imports, "a/events.py", "crm_deals", "from crm_shared.database import Where"),
        (wrong_room_imports, "a/schemas.py", "crm_deals", "from crm_deals.deals.queries import select_deals"),
        (wrong_room_imports, "a/worker.py", "crm_deals", "from crm_deals.deals.routes import router"),
        (wrong_room_imports, "a/consumers.py", "crm_deals", "from crm_deals import app"),
        (wrong_room_imports, "a/listing/orders.py", "crm_shared", "from crm_shared.http.bodies import read_fields"),
        (wrong_room_imports, "a/filters.py", "crm_deals", "from crm_shared.http.emptiness import IsEmpty"),
        (wrong_room_imports, "a/audit/queries.py", "crm_shared", "from crm_shared.http.cursors import next_cursor"),
        (impure_domains, "a/domain.py", "crm_deals", "import asyncpg"),
        (impure_domains, "a/domain.py", "crm_deals", "from crm_shared.database import Where"),
        (impure_domains, "a/domain.py", "crm_deals", "from datetime import datetime\nx = datetime.now()"),
        (impure_modules, "a/rules.py", "crm_deals", "import datetime\ndef f():\n    return datetime.date.today()"),
        (impure_modules, "a/moves.py", "crm_deals", "from time import monotonic\nx = monotonic()"),
        (impure_modules, "a/moves.py", "crm_deals", "import random\nx = random.choice([1, 2])"),
        (impure_modules, "a/moves.py", "crm_deals", "from crm_shared.clock import new_id\nx = new_id()"),
        (impure_modules, "a/moves.py", "crm_deals", "import os\nx = os.environ['X']"),
    ],
)
def test_each_rule_can_fail(check: Check, path: str, package: str, text: str) -> None:
    assert list(check([parse_as(path, package, text)])) != []
