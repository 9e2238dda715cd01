"""The house's rules that ruff can't see. Each names its reason; each has a twin below that shows it can fail."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator

import pytest
from architecture.source_files import ROOT, SourceFile, parse_as, read_sources
from architecture.sql_texts import list_values_in_sql

from crm_shared.access import Role
from crm_shared.service_registry import PUBLISHERS, SERVICES


def values_in_sql(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List SQL that a value may get into. It is text that a reader can run; values are parameters, never pasted in."""
    for source in sources:
        for line in list_values_in_sql(source):
            yield f"{source.name}:{line} puts into SQL what may be a value: number it, or annotate it as LiteralString"


def subscribers_elsewhere(sources: Iterable[SourceFile]) -> Iterator[str]:
    """FastStream's defaults acknowledge before the handler ran: only crm_shared.bus may make a subscriber."""
    for source in sources:
        if source.package == "crm_shared" and "bus" in source.path.relative_to(ROOT).parts:
            continue
        for line, module in source.imports():
            if module.split(".")[0] == "faststream":
                yield f"{source.name}:{line} imports {module}"


KAFKA_CLIENTS = {"AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient", "KafkaBroker"}
MAKES_KAFKA_CLIENTS = ("libs", "shared", "src", "crm_shared", "bus", "clients.py")


def kafka_clients_elsewhere(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List clients not made by crm_shared.bus.clients: they know nothing of the broker's security."""
    for source in sources:
        makes_clients = source.path.parts[-len(MAKES_KAFKA_CLIENTS) :] == MAKES_KAFKA_CLIENTS
        for node in source.nodes:
            if isinstance(node, ast.Call) and not makes_clients:
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
                if name in KAFKA_CLIENTS:
                    yield f"{source.name}:{node.lineno} makes a {name}"
            is_ours = source.package not in {"crm_local", "crm_testing"} and source.room != "settings"
            if is_ours and isinstance(node, ast.Attribute) and node.attr == "kafka_bootstrap":
                yield f"{source.name}:{node.lineno} takes Kafka's address alone: settings.kafka has its security"


def swallowed_errors(sources: Iterable[SourceFile]) -> Iterator[str]:
    """On the way to a dead letter, an error that nobody foresaw must come out: swallowed, it would lose the record."""
    for source in sources:
        if source.package != "crm_shared" or not {"bus", "outbox"} & set(source.path.relative_to(ROOT).parts):
            continue
        for node in source.nodes:
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


WRITES_JSON = (("crm_shared", "json_text.py"), ("crm_shared", "database", "codecs.py"))


def json_elsewhere(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List other ways to JSON, which let `NaN` and `Infinity` through. For jsonb PostgreSQL refuses them itself."""
    for source in sources:
        if any(source.path.parts[-len(end) :] == end for end in WRITES_JSON) or source.package in {
            "crm_local",
            "crm_issuer",
        }:
            continue
        for node in source.nodes:
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            if isinstance(node, ast.ImportFrom) and node.module == "pydantic_core" and "to_json" in names:
                yield f"{source.name}:{node.lineno} imports pydantic_core.to_json"
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "dumps"
                and not {"contracts", "testing"} & set(source.path.parts)
            ):
                yield f"{source.name}:{node.lineno} writes JSON by dumps"


ROLES = {name for role in Role for name in (role.name, repr(role.value))}
ROLE_IN_SQL = re.compile(r"(?<!CHECK \()\brole (=|<>|IN) \W*'")
NAMES_ROLES = ("crm_shared", "permissions.py")


def role_questions(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List comparisons with a role, in Python or SQL: what one may do is read off ROLE_PERMISSIONS alone."""
    for source in sources:
        if source.path.parts[-len(NAMES_ROLES) :] == NAMES_ROLES:
            continue
        for node in source.nodes:
            if isinstance(node, ast.Compare):
                sides = (node.left, *node.comparators)
                if ROLES & {side.attr if isinstance(side, ast.Attribute) else ast.unparse(side) for side in sides}:
                    yield f"{source.name}:{node.lineno} asks for a role"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ROLE_IN_SQL.search(node.value):
                yield f"{source.name}:{node.lineno} asks for a role in SQL"


METHODS = {"get", "post", "put", "patch", "delete"}


def undeclared_refusals(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List routes that don't say what they refuse by their own rules: `responses=problems(…)`, empty for nothing."""
    for source in sources:
        decorators = (
            (node.name, call)
            for node in source.nodes
            if isinstance(node, ast.AsyncFunctionDef) and "routes" in source.room
            for call in node.decorator_list
        )
        for name, call in decorators:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
                declared = [ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "responses"]
                if not any("problems(" in text for text in declared):
                    yield f"{source.name}:{call.lineno} {name} declares no refusals"


VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "service", "services"}


def vague_names(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List names that hide what they hold: what is in a `utils`, nobody can say."""
    for source in sources:
        if source.room in VAGUE or VAGUE & set(source.path.parent.parts[-2:]) - {"services"}:
            yield source.name


REGISTRY = ("crm_shared", "service_registry.py")


def lists_of_services(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List where the services, or those of them that publish, are listed again: a sixth one would be missing there."""
    for source in sources:
        if source.path.parts[-len(REGISTRY) :] == REGISTRY or source.path.stem == "topics":
            continue
        for node in source.nodes:
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                named = {one.value for one in node.elts if isinstance(one, ast.Constant)}
                if named >= set(SERVICES) or named == set(PUBLISHERS):
                    yield f"{source.name}:{node.lineno} lists the services: SERVICES and PUBLISHERS are in the registry"


FILE_LINES, FUNCTION_LINES = 310, 50
"""Some 300, and some 40: what is over is more than one thing, and goes apart by what it means."""


def oversized(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List files and functions that are longer than a reader takes in at once."""
    for source in sources:
        if source.tree.body and (lines := source.tree.body[-1].end_lineno or 0) > FILE_LINES:
            yield f"{source.name} has {lines} lines"
        for node in source.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{source.name}:{node.lineno} {node.name} has {lines} lines"


Check = Callable[[Iterable[SourceFile]], Iterator[str]]

CHECKS: list[Check] = [
    values_in_sql,
    subscribers_elsewhere,
    kafka_clients_elsewhere,
    swallowed_errors,
    json_elsewhere,
    role_questions,
    undeclared_refusals,
    vague_names,
    lists_of_services,
    oversized,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check: Check) -> None:
    assert list(check(read_sources())) == []


@pytest.mark.parametrize(
    ("check", "path", "package", "text"),
    [
        *(
            (values_in_sql, "a/queries.py", "crm_deals", f"def f(given: str, deal: Deal):\n    {text}")
            for text in (
                "return f'SELECT * FROM deals WHERE id = {given}'",
                "return 'SELECT * FROM deals WHERE name = ' + given",
                "return 'SELECT * FROM deals WHERE name = ' + str(deal.id)",
                "return 'SELECT * FROM deals WHERE name = ' + deal.name",
                "return 'SELECT * FROM deals WHERE name = %s' % given",
                "return 'SELECT * FROM deals WHERE name IN ({})'.format(given)",
                "return 'SELECT * FROM deals WHERE name IN (' + ', '.join(given) + ')'",
                "named = given.lower()\n    return SELECT + 'DELETE FROM deals WHERE name = ' + named",
                "found = []\n    found.append(given)\n    return 'UPDATE deals SET ' + ', '.join(found)",
            )
        ),
        (subscribers_elsewhere, "a/consumers.py", "crm_deals", "from faststream.kafka import KafkaBroker"),
        (kafka_clients_elsewhere, "a/backlog.py", "crm_reporting", "import aiokafka\naiokafka.AIOKafkaConsumer()"),
        (kafka_clients_elsewhere, "libs/bus/x.py", "crm_shared", "AIOKafkaProducer(bootstrap_servers='x')"),
        (kafka_clients_elsewhere, "a/worker.py", "crm_deals", "follow(settings.kafka_bootstrap)"),
        (swallowed_errors, "libs/bus/x.py", "crm_shared", "try:\n    f()\nexcept Exception:\n    log()"),
        (json_elsewhere, "a/routes.py", "crm_deals", "from pydantic_core import from_json, to_json"),
        (json_elsewhere, "a/routes.py", "crm_deals", "import json\njson.dumps(5)"),
        (role_questions, "a/routes.py", "crm_deals", "from x import Role\nx = caller.role is Role.ADMIN"),
        (role_questions, "a/domain.py", "crm_deals", "x = user.role == 'MANAGER'"),
        (role_questions, "a/queries.py", "crm_deals", "x = \"SELECT 1 FROM u WHERE u.role = 'ADMIN'\""),
        (undeclared_refusals, "a/routes.py", "crm_deals", "@router.get('')\nasync def list_deals(): ..."),
        (undeclared_refusals, "a/tag_routes.py", "x", "@router.put('', responses={200: x})\nasync def f(): ..."),
        (vague_names, "services/deals/src/crm_deals/utils.py", "crm_deals", ""),
        (lists_of_services, "a/plan.py", "crm_local", f"x = {list(PUBLISHERS)}"),
        (lists_of_services, "a/plan.py", "crm_local", f"x = {SERVICES}"),
        (oversized, "a/deals.py", "crm_deals", "x = 1\n" * (FILE_LINES + 1)),
        (oversized, "a/deals.py", "crm_deals", "def f():\n" + "    x = 1\n" * FUNCTION_LINES),
    ],
)
def test_each_rule_can_fail(check: Check, path: str, package: str, text: str) -> None:
    assert list(check([parse_as(path, package, text)])) != []


@pytest.mark.parametrize(
    "text",
    [
        "return 'SELECT ' + COLUMNS + ' FROM deals WHERE ' + where.sql",
        "return 'SELECT ' + piece + ' FROM deals LIMIT ' + where.number(given)",
        "more = ', ' + governed_by(where, caller, 'd.owner_id')\n    return 'SELECT ' + COLUMNS + more",
        "return 'SELECT ' + ', '.join(DEALS.parameter(name) for name in given)",
        "return f'{given} were updated'",
    ],
)
def test_sql_of_pieces_is_no_value_in_sql(text: str) -> None:
    function = f"def f(given: str, piece: LiteralString, where: Where):\n    {text}"
    assert list(values_in_sql([parse_as("a/queries.py", "crm_deals", function)])) == []
