"""No text stops a process: every pattern and every function that reads users' text costs what its length costs."""

import ast
import importlib
import pkgutil
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from types import FrameType, ModuleType
from typing import Any, Final
from uuid import UUID

import pytest
from architecture.source_files import ROOT, SourceFile, read_sources

from crm_contacts.companies.internet import to_domain, to_website
from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.keys import keys_of, terms_of
from crm_contacts.duplicates.profiles import to_profile
from crm_contacts.emails import to_email
from crm_contacts.imports.plain_values import read_e164, read_email, read_phone
from crm_contacts.imports.values import read_tags
from crm_deals.webhooks.addresses import to_url
from crm_issuer.tokens import parse_ttl
from crm_search import folding
from crm_search.passages import Where
from crm_search.phones import looks_like_phone, parse_phone
from crm_search.projections import to_document
from crm_search.query_words import read_query
from crm_search.snippets import SnippetCutter
from crm_shared.features.custom_fields.values import read_day, read_number, read_text
from crm_shared.features.imports import forms
from crm_shared.features.imports.encodings import find_misread
from crm_shared.features.imports.formats import read_beginning
from crm_shared.http.positions import from_token
from crm_shared.http.preconditions import parse_if_match
from crm_shared.refusals import Refusal
from crm_shared.service_registry import REGISTRY
from crm_shared.spreadsheets import from_cell, to_cell
from crm_shared.telemetry.traces import continue_trace

pytestmark = pytest.mark.slow

PACKAGES: Final = ("crm_shared", "crm_local", *(service.package for service in REGISTRY))
LENGTH: Final = 100_000
BUDGET_S: Final = 1.0
"""CPU for one text of that length: fifty times what the dearest takes, a thousandth of what the square of it would."""

CLASSES: Final = {
    "letters": "a", "capitals": "A", "digits": "7", "hangul": "각", "han": "漢", "thai": "ก", "marks": "\u0301",
    "letters with marks": "e\u0301", "vowel signs": "\u0915\u093f", "spaces": " ", "lines": "\n", "dots": ".",
    "hyphens": "-", "apostrophes": "'", "quotes": '"', "brackets": "(", "signs": "+", "at": "@", "under": "_",
    "separators": ";", "emoji": "🚀", "nulls": "\x00", "words": "ab ", "dotted": "a.", "joined": "a-b'",
    "numbers": "1 ", "decimals": "1.5", "mixed": "aZ7각漢\u0301 .-'@", "phones": "+49 (30) ", "codes": "ab1-",
}  # fmt: skip
# An ending that nothing wants makes a pattern give back all that it took.
TEXTS: Final = {name: "".join(islice(cycle(unit), LENGTH - 1)) + "\x01" for name, unit in CLASSES.items()}


class TooSlow(Exception):
    """A text cost more than texts of its length may."""


@contextmanager
def cpu_budget(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block once it has taken so much of the processor, however loaded the machine is."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def list_modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__") and ".alembic_environment" not in found.name:
                yield importlib.import_module(found.name)


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
    "libs/shared/src/crm_shared/features/imports/forms.py": "a form of a day, made of three parts of our own",
}
USES: Final = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def hidden_patterns(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List patterns that no module or class keeps under a name, where the test above would not see them."""
    for source in sources:
        if "re" not in {module.partition(".")[0] for _, module in source.imports()}:
            continue
        inner = {
            id(node)
            for function in ast.walk(source.tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for node in ast.walk(function)
        }
        for line, module in source.imports():
            if module.startswith("re."):
                yield f"{source.name}:{line} imports {module}: say `re.compile`, so that it can be looked for"
        for node in ast.walk(source.tree):
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


def index(text: str) -> None:
    """Make a document as search does, of a deal whose every text is this one."""
    names = ("name", "external_id", "lost_reason", "description", "status", "currency")
    state: dict[str, Any] = dict.fromkeys(names, text)
    state |= dict.fromkeys(("stage_id", "pipeline_id", "amount", "close_date", "closed_at", "owner_id"))
    state |= dict.fromkeys(("contact_id", "company_id", "created_at", "updated_at"))
    state |= {"id": "1", "version": 1, "custom_data": {f"field_{number}": text[:5_000] for number in range(20)}}
    to_document("deal", UUID(int=1), UUID(int=2), state, {})


def match_duplicates(text: str) -> None:
    """Compare two contacts of the longest texts that contacts takes."""
    email = f"{text[:250]}@a.example"
    row: dict[str, Any] = {
        "id": UUID(int=1), "version": 1, "first_name": text[:200], "last_name": text[-200:], "email": email,
        "phone": text[:50], "phone_e164": None, "company_id": None, "company_name": text[:1_000],
        "company_domain": None,
        "job_title": text[:1_000], "custom_data": {"field": text[:5_000]},
    }  # fmt: skip
    ours, theirs = (to_profile({**row, "id": UUID(int=one)}, frozenset({"field"})) for one in (1, 2))
    compare(ours, theirs, is_shared_phone=False)
    keys_of(ours)
    terms_of(ours)


def cut_snippets(text: str) -> None:
    """Cut a page of them: its bound is of the page."""
    snippets = SnippetCutter(text[:1_000], parse_phone(text[:1_000], "US"))
    for _ in range(200):
        snippets.cut([(Where.NAME, text[:20_000])] * 3)


FUNCTIONS: Final[dict[str, Callable[[str], object]]] = {
    "search: fold": folding.fold,
    "search: split_words": folding.split_words,
    "search: split_pieces": folding.split_pieces,
    "search: join_words": folding.join_words,
    "search: join_runs": folding.join_runs,
    "search: name keys": folding.list_name_keys,
    "search: read_words": lambda text: list(folding.read_words(text)),
    "search: read_query": read_query,
    "search: joined words": lambda text: list(folding.find_joined(text)),
    "search: digits and endings": lambda text: folding.list_endings(folding.digits_of(text)),
    "search: phones": lambda text: (looks_like_phone(text), parse_phone(text, "DE")),
    "search: documents": index,
    "search: snippets": cut_snippets,
    "search: positions": from_token,
    "contacts: e-mails": to_email,
    "contacts: imported e-mails": read_email,
    "contacts: imported phones": lambda text: read_e164(read_phone(text), "DE"),
    "contacts: domains": to_domain,
    "contacts: websites": to_website,
    "contacts: tags": read_tags,
    "contacts: duplicates": match_duplicates,
    "contacts: header lines": lambda text: read_beginning(text.encode(), "utf-8", None),
    "imports: days": lambda text: forms.read_day(text, "DD.MM.YYYY"),
    "imports: numbers": lambda text: forms.read_number(text, ","),
    "imports: values of a cell": lambda text: forms.split_values(text, ";"),
    "imports: misread letters": find_misread,
    "deals: webhook addresses": to_url,
    "shared: cells": lambda text: from_cell(str(to_cell(text))),
    "shared: custom texts": read_text,
    "shared: custom numbers": read_number,
    "shared: custom days": read_day,
    "shared: If-Match": parse_if_match,
    "shared: traces": continue_trace,
    "local: times": parse_ttl,
}


FEW: Final = (
    "letters",
    "numbers",
    "hangul",
    "thai",
    "letters with marks",
    "spaces",
    "dots",
    "joined",
    "mixed",
    "phones",
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_that_reads_texts_costs_what_their_length_costs(name: str) -> None:
    for label in FEW:
        text = TEXTS[label]
        try:
            # What it says of the text is another test's matter.
            with cpu_budget(5 * BUDGET_S), suppress(ValueError, Refusal):
                FUNCTIONS[name](text)
        except TooSlow:
            pytest.fail(f"{LENGTH} {label} are too dear for {name}")


def test_a_function_of_the_square_is_stopped() -> None:
    text = TEXTS["letters"]
    with pytest.raises(TooSlow), cpu_budget(BUDGET_S):
        sum(letter == "b" for start in range(LENGTH) for letter in text[start:])
