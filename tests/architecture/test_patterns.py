"""No text stops a process: every pattern that meets users' text costs what its length costs."""

import ast
import re
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final

import pytest
from architecture.long_texts import BUDGET_S, LENGTH, TEXTS, TooSlow, cpu_budget, list_modules
from architecture.source_files import ROOT, SourceFile, read_sources

pytestmark = pytest.mark.slow


def list_patterns(modules: Iterable[ModuleType]) -> dict[str, re.Pattern[Any]]:
    """Return every compiled pattern of modules and classes, in containers too, by where it stands."""
    patterns: dict[str, re.Pattern[Any]] = {}
    for module in modules:
        for name, value in vars(module).items():
            owner = getattr(value, "__module__", module.__name__)
            members = vars(value).items() if isinstance(value, type) and owner == module.__name__ else ()
            for path, found in ((name, value), *((f"{name}.{member}", one) for member, one in members)):
                for pattern in _unpack(found):
                    patterns[f"{module.__name__}.{path}:{pattern.pattern!r:.40}"] = pattern
    return patterns


def _unpack(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from (one for one in value.values() if isinstance(one, re.Pattern))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (one for one in value if isinstance(one, re.Pattern))


PATTERNS: Final = list_patterns(list_modules())


def use(pattern: re.Pattern[Any], text: str) -> None:
    """Use a pattern in every way that there is, one of which is its own."""
    subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    pattern.match(subject)
    pattern.fullmatch(subject)
    for _ in pattern.finditer(subject):
        pass


def use_on_all(pattern: re.Pattern[Any]) -> None:
    for text in TEXTS.values():
        use(pattern, text)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_costs_what_a_text_s_length_costs(name: str) -> None:
    for label, text in TEXTS.items():
        try:
            with cpu_budget(BUDGET_S):
                use(PATTERNS[name], text)
        except TooSlow:
            pytest.fail(f"{LENGTH} {label} are too dear for {name}")


def test_patterns_are_found_wherever_they_are_kept() -> None:
    assert any(name.startswith("crm_search.folding._JOINED") for name in PATTERNS)
    module = ModuleType("kept")
    owner = type("Owner", (), {"RULE": re.compile("d"), "__module__": "kept"})
    vars(module).update(plain=re.compile("a"), inside={"x": re.compile("b")}, several=(re.compile("c"),), owner=owner)
    assert {pattern.pattern for pattern in list_patterns([module]).values()} == {"a", "b", "c", "d"}


@pytest.mark.parametrize("text", [r"[^\W_]+(?:['.-][^\W_]+)+", r"(a+)+$", r"\s*\d*\s*;"])
def test_a_pattern_that_reads_a_text_twice_is_stopped(text: str) -> None:
    pattern = re.compile(text)
    with pytest.raises(TooSlow), cpu_budget(BUDGET_S):
        use_on_all(pattern)


# Patterns of others, which the program only brings together: each is fed below through the function that uses it.
COMPILED_LATER: Final = {
    "libs/shared/src/crm_shared/http/direct.py": "routes' paths, of our own making",
    "services/contacts/src/crm_contacts/imports/plain_values.py": "numbering plans, of at most 20 digits",
    "libs/shared/src/crm_shared/features/imports/value_forms.py": "a form of a day, made of three parts of our own",
}
USES: Final = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def hidden_patterns(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List patterns that no module or class keeps under a name, where the test above would not see them."""
    for source in sources:
        if "re" not in {module.partition(".")[0] for _, module in source.imports()}:
            continue
        inner = {
            id(node)
            for function in source.nodes
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for node in ast.walk(function)
        }
        for line, module in source.imports():
            if module.startswith("re."):
                yield f"{source.name}:{line} imports {module}: say `re.compile`, so that it can be looked for"
        for node in source.nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = node.func
            if not (isinstance(called.value, ast.Name) and called.value.id == "re"):
                continue
            if called.attr in USES:
                yield f"{source.name}:{node.lineno} has a pattern of its own: compile it beside the module's names"
            elif called.attr == "compile" and id(node) in inner and source.name not in COMPILED_LATER:
                yield f"{source.name}:{node.lineno} compiles a pattern inside a function"


def test_no_pattern_is_hidden() -> None:
    assert list(hidden_patterns(read_sources())) == []


@pytest.mark.parametrize(
    "text",
    ["import re\nre.sub('a', 'b', 'c')", "import re\ndef f():\n    return re.compile('a')", "from re import fullmatch"],
)
def test_a_hidden_pattern_is_seen(text: str) -> None:
    assert list(hidden_patterns([SourceFile(ROOT / "a.py", "crm_deals", ast.parse(text))])) != []
