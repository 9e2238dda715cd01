"""What stands on what: crm_shared's two storeys and its roof, the kit that tests alone have, and no circle anywhere.

Each rule has a twin below that shows it can fail.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest
from architecture.source_files import SourceFile, parse_as, read_sources

FEATURES = "features"
"""The upper storey: `crm_shared/features/`. What stands beside it is the platform, which knows none of it."""

ROOF = "entry_points"
"""What starts a service's processes, and so may import both storeys. Nothing of either imports it."""

BUILT_ON: Mapping[str, frozenset[str]] = {"imports": frozenset({"batches", "custom_fields"})}
"""Features that other features are part of: rows of a file become a batch, and tenants' own fields are columns."""


def wrong_storeys(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List imports upwards: platform from features, either from the roof, one feature from another."""
    for source in sources:
        here = _find_place(source)
        if source.package != "crm_shared" or here[:1] == [ROOF]:
            continue
        for line, module in source.imports():
            package, *there = module.split(".")
            if package == "crm_shared" and there and not _may_stand_on(here, there):
                yield f"{source.name}:{line} imports {module}"


def _find_place(source: SourceFile) -> list[str]:
    """Return where a module stands in its package: `[features, imports, …]`."""
    parts = source.path.with_suffix("").parts
    return list(parts[parts.index(source.package) + 1 :])


def _may_stand_on(here: list[str], there: list[str]) -> bool:
    if there[0] == ROOF:
        return False
    if there[0] != FEATURES:
        return True
    if here[0] != FEATURES:
        return False
    feature = there[1] if len(there) > 1 else here[1]
    return feature in {here[1], *BUILT_ON.get(here[1], ())}


def kit_of_tests_in_production(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List imports of what tests are made with: no image holds it."""
    for source in sources:
        if source.package != "crm_testing":
            for line, module in source.imports():
                if module.split(".")[0] == "crm_testing":
                    yield f"{source.name}:{line} imports {module}"


def circles_of_modules(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List modules that import each other, however long the way round; what types alone need is no import."""
    yield from _list_circles(_list_imports(sources))


def circles_of_rooms(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List folders of a package that import each other: then neither can be read before the other."""
    rooms: dict[str, set[str]] = {}
    for module, imported in _list_imports(sources).items():
        room = _find_room(module)
        others = {_find_room(other) for other in imported if other.split(".")[0] == module.split(".")[0]}
        rooms.setdefault(room, set()).update(others - {room})
    yield from _list_circles(rooms)


def _find_room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[1:2] == [FEATURES] else 2])


def _list_imports(sources: Iterable[SourceFile]) -> dict[str, set[str]]:
    """Return each module with those of ours that it imports."""
    trees = {_name_module(source): source for source in sources}
    return {name: set(_walk_imports(source, trees)) - {name} for name, source in trees.items()}


def _name_module(source: SourceFile) -> str:
    return ".".join([source.package, *_find_place(source)]).removesuffix(".__init__")


def _walk_imports(source: SourceFile, known: Mapping[str, SourceFile]) -> Iterator[str]:
    for node in _walk_run(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                of_it = f"{node.module}.{alias.name}"
                yield from (name for name in [of_it if of_it in known else node.module] if name in known)


def _walk_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs: all but the blocks that type checkers alone read."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _walk_run(node)


def _list_circles(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the first circle found, as `a -> b -> a`: mended, the next one shows."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " -> ".join(reversed(error.args[1]))


Check = Callable[[Iterable[SourceFile]], Iterator[str]]
CHECKS: list[Check] = [wrong_storeys, kit_of_tests_in_production, circles_of_modules, circles_of_rooms]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_stands(check: Check) -> None:
    assert list(check(read_sources())) == []


SHARED = "libs/shared/src/crm_shared"
DEALS = "services/deals/src/crm_deals"


@pytest.mark.parametrize(
    ("check", "files"),
    [
        (wrong_storeys, {f"{SHARED}/bus/x.py": "from crm_shared.features.replicas import repair"}),
        (wrong_storeys, {f"{SHARED}/bus/x.py": "from crm_shared.entry_points.processes import run"}),
        (wrong_storeys, {f"{SHARED}/features/audit/x.py": "from crm_shared.entry_points.processes import run"}),
        (wrong_storeys, {f"{SHARED}/features/audit/x.py": "from crm_shared.features.imports import kind"}),
        (wrong_storeys, {f"{SHARED}/features/batches/x.py": "from crm_shared.features.imports import kind"}),
        (kit_of_tests_in_production, {f"{DEALS}/x.py": "from crm_testing.people import add_user"}),
        (circles_of_modules, {f"{DEALS}/a.py": "import crm_deals.b", f"{DEALS}/b.py": "from crm_deals import a"}),
        (
            circles_of_rooms,
            {
                f"{SHARED}/a/x.py": "import crm_shared.b.y",
                f"{SHARED}/b/y.py": "",
                f"{SHARED}/b/z.py": "import crm_shared.a.x",
            },
        ),
    ],
)
def test_each_rule_can_fail(check: Check, files: Mapping[str, str]) -> None:
    sources = [parse_as(path, path.split("/src/")[1].split("/")[0], text) for path, text in files.items()]
    assert list(check(sources)) != []
    assert list(check([parse_as(path, source.package, "") for path, source in zip(files, sources, strict=True)])) == []
