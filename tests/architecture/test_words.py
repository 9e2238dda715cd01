"""The code says the field's words: what the project once called by names of its own stays out.

Whoever searches for the common word finds the place. The glossary in ARCHITECTURE.md has the words that are ours.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator

import pytest
from architecture.source_files import SourceFile, parse_as, read_sources, read_tests

OLD_WORDS = {
    "told": "published, or what the thing is",
    "said": "answered, printed, given: what the thing is",
    "saying": "what is printed, and where",
    "tell": "publish",
    "retold": "republished",
    "living": "canonical (of merged contacts), present (not deleted)",
    "family": "merge_group",
    "holdings": "owned_records",
    "world": "transient, away",
    "restless": "affected",
    "strays": "misplaced, orphans",
    "sight": "visibility",
    "face": "summary",
    "faces": "summaries",
    "wish": "wanted_index",
    "occupancy": "stage_usage",
    "leadership": "leader_election",
    "garbage": "gc_freeze",
    "pacing": "backpressure",
    "housekeeping": "cleanup",
    "clockwork": "scheduler",
    "sweeping": "cleanup",
    "echoes": "reannouncing",
}
STAY = {
    "LeadershipLost",  # what the literature calls it
    "tell_why", "tell_of_restoration",  # commands that tell a person
    "told_at",  # a field of the API
}  # fmt: skip
STAY_IN_TESTS = {"family"}  # of metrics, as Prometheus calls them
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_OPENING = re.compile(r"(Gives?|Tells? whether|Says? whether) [^.]*")


def words_of_our_own(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List names of modules, classes, functions, parameters and variables that hold an old word.

    The kit's stories may, and the sentences that tests are called by: they are what tests tell.
    """
    for source in sources:
        if source.package == "crm_testing":
            continue
        for line, name in _list_names(source):
            if name in STAY:
                continue
            if source.package == "tests" and (name.startswith("test_") or name in STAY_IN_TESTS):
                continue
            for word in OLD_WORDS.keys() & {word.lower() for word in _WORDS.findall(name)}:
                yield f"{source.name}:{line} {name}: for {word} say {OLD_WORDS[word]}"


def _list_names(source: SourceFile) -> Iterator[tuple[int, str]]:
    yield 1, source.path.stem
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def openings_of_our_own(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List functions that "give" or "tell whether" where every other house's return."""
    for source in sources:
        for node in source.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node) or ""
                returns = node.returns is not None and ast.unparse(node.returns) not in {"None", "Never"}
                if returns and _OPENING.match(docstring) and not docstring.startswith("Give up"):
                    yield f"{source.name}:{node.lineno} {node.name}: say Return, or Yield"


Check = Callable[[Iterable[SourceFile]], Iterator[str]]
CHECKS: list[Check] = [words_of_our_own, openings_of_our_own]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_says_the_fields_words(check: Check) -> None:
    assert list(check(read_sources())) == []


def test_so_do_the_tests() -> None:
    assert list(words_of_our_own(read_tests())) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (words_of_our_own, "def tell(event): ..."),
        (words_of_our_own, "class ToldRecord: ..."),
        (words_of_our_own, "def find(*, living_id): ..."),
        (words_of_our_own, "FACES = 1"),
        (openings_of_our_own, 'def find() -> int:\n    """Give the number of it."""'),
        (openings_of_our_own, 'async def is_there() -> bool:\n    """Tell whether it is there."""'),
    ],
)
def test_each_rule_can_fail(check: Check, text: str) -> None:
    assert list(check([parse_as("services/deals/src/crm_deals/x.py", "crm_deals", text)])) != []
