"""No text stops a process: every function that takes a text costs what its length costs."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Final
from uuid import UUID

import pytest
from architecture.long_texts import BUDGET_S, LENGTH, TEXTS, TooSlow, cpu_budget, list_modules
from starlette.requests import Request

from crm_activities.calendar import content_lines
from crm_activities.calendar.feed_secrets import read_secret
from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.keys import keys_of, terms_of
from crm_contacts.duplicates.profiles import to_profile
from crm_contacts.imports.plain_values import read_e164, read_phone
from crm_contacts.phones import to_e164
from crm_issuer.tokens import parse_ttl
from crm_search import folding
from crm_search.passages import Where
from crm_search.phones import parse_phone
from crm_search.projections import to_document
from crm_search.snippets import SnippetCutter
from crm_shared.contracts import BadRecord
from crm_shared.features.custom_fields.values import read_day, read_number, read_text
from crm_shared.features.imports.encodings import EncodingDetector, choose_encoding, require_encoding
from crm_shared.features.imports.file_formats import read_beginning
from crm_shared.features.imports.headers import FieldNames, to_columns
from crm_shared.features.imports.records import RecordReader
from crm_shared.features.imports.value_forms import FormSurvey, ValueKind
from crm_shared.http.address_text import to_one_text
from crm_shared.http.positions import from_token
from crm_shared.http.preconditions import has_none_match, parse_if_match
from crm_shared.http.problems import to_shown_path
from crm_shared.refusals import Refusal
from crm_shared.spreadsheets import from_cell, to_cell
from crm_shared.telemetry.traces import continue_trace

pytestmark = pytest.mark.slow


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
    """Cut those of some records. What a page of 200 costs at most is search's own test."""
    snippets = SnippetCutter(text[:1_000], parse_phone(text[:1_000], "US"))
    for _ in range(3):
        snippets.cut([(Where.NAME, text[:20_000])] * 3)


def read_calendar(text: str) -> None:
    content_lines.fold(f"SUMMARY:{content_lines.escape(text)}")


def read_file(text: str) -> None:
    """Read an import's file whose header and cells are this text."""
    detector, content = EncodingDetector(), f"{text[:900]}\n{text}\n".encode()
    detector.feed(content)
    encoding = choose_encoding(None, detector)
    pieces = iter([content, b""])
    for _ in RecordReader(lambda: next(pieces), encoding=encoding, delimiter=";", width=2):
        pass


def survey_forms(text: str) -> None:
    survey = FormSurvey(dict(enumerate((kind.value, kind) for kind in ValueKind)))
    survey.feed([text] * len(ValueKind))
    survey.list_undecided()
    survey.result()


def find_fields(text: str) -> None:
    names = FieldNames(["email"], {"email": ["mail"]}, prefixes=("Person - ",), fits={"email": str.isascii})
    to_columns([text, "mail"], {}, names=names, custom_labels={"field": text[:100]}, sample=[[text, text]])


def read_address(text: str) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": f"/{text}",
        "headers": [],
        "path_params": {"tag": text},
    }
    scope["query_string"] = f"q={text}".encode()
    to_one_text(Request(scope))


# Those whose first parameter is no `text`, or that are fed more than one.
FUNCTIONS: Final[dict[str, Callable[[str], object]]] = {
    "search: digits and endings": lambda text: folding.list_endings(folding.digits_of(text)),
    "search: documents": index,
    "search: snippets": cut_snippets,
    "search: positions": from_token,
    "contacts: imported phones": lambda text: read_e164(read_phone(text), "DE"),
    "contacts: phones": lambda text: to_e164(text, "DE"),
    "contacts: duplicates": match_duplicates,
    "contacts: header lines": lambda text: read_beginning(text.encode(), "utf-8", None),
    "imports: files": read_file,
    "imports: headers": find_fields,
    "imports: forms": survey_forms,
    "imports: encodings": require_encoding,
    "activities: calendar lines": read_calendar,
    "activities: feeds' secrets": read_secret,
    "shared: addresses": read_address,
    "shared: cells": lambda text: from_cell(str(to_cell(text))),
    "shared: custom texts": read_text,
    "shared: custom numbers": read_number,
    "shared: custom days": read_day,
    "shared: If-Match": parse_if_match,
    "shared: If-None-Match": lambda text: has_none_match(text, '"1"'),
    "shared: paths in logs": to_shown_path,
    "shared: traces": continue_trace,
    "local: times": parse_ttl,
}

# By the name of a parameter that must be given beside the text.
BESIDE_TEXT: Final[dict[str, object]] = {
    "separator": ";", "form": "DD.MM.YYYY", "decimal_mark": ",", "most": 1_000, "start": 0, "end": LENGTH,
    "where": "a field", "count": 3, "region": "DE", "now": datetime(2026, 3, 1, tzinfo=UTC),
}  # fmt: skip
NOT_BY_ITSELF: Final = {
    "crm_search.matching.to_search_query": "its words are read_query's, of which it takes twelve",
    "crm_search.snippets._mark": "of a window of a passage: snippets are fed above",
    "crm_reporting.bi.command._address": "an operator's word, of their own command line",
    "crm_shared.features.restoring.command._read_moment": "likewise",
    "crm_shared.access.keys._read_keys": "what the issuer tells, not a user",
}


def list_text_readers(modules: Iterable[ModuleType]) -> dict[str, tuple[Callable[..., object], list[str]]]:
    """Return each function whose first parameter is a `text`, and the names of what else it must be given.

    That is what text of unknown length is called here, so that who writes a new one need not think of this test.
    """
    found: dict[str, tuple[Callable[..., object], list[str]]] = {}
    for module in modules:
        for name, function in vars(module).items():
            if not inspect.isfunction(function) or function.__module__ != module.__name__:
                continue
            taken = list(inspect.signature(function).parameters.values())
            if taken and taken[0].name == "text" and taken[0].annotation in (str, "str"):
                needed = [one.name for one in taken[1:] if one.default is one.empty]
                found[f"{module.__name__}.{name}"] = (function, needed)
    return found


TEXT_READERS: Final = list_text_readers(list_modules())


def feed(name: str, text: str) -> None:
    """Call what is known by this name, and take all that it yields."""
    if name in FUNCTIONS:
        result = FUNCTIONS[name](text)
    else:
        function, needed = TEXT_READERS[name]
        result = function(text, **{one: BESIDE_TEXT[one] for one in needed})
    if isinstance(result, Iterator):
        for _ in result:
            pass


def test_every_function_that_takes_a_text_is_fed() -> None:
    """What stands beside its text is said in BESIDE_TEXT; why it isn't fed, in NOT_BY_ITSELF."""
    unknown = {name for name, (_, needed) in TEXT_READERS.items() if not BESIDE_TEXT.keys() >= set(needed)}
    assert unknown - NOT_BY_ITSELF.keys() == set()
    assert NOT_BY_ITSELF.keys() <= TEXT_READERS.keys()
    assert not [name for name, (function, _) in TEXT_READERS.items() if inspect.iscoroutinefunction(function)]
    assert "crm_search.folding.join_words" in TEXT_READERS


@pytest.mark.parametrize("name", [*FUNCTIONS, *sorted(TEXT_READERS.keys() - NOT_BY_ITSELF.keys())])
def test_every_function_that_reads_texts_costs_what_their_length_costs(name: str) -> None:
    for label, text in TEXTS.items():
        try:
            # What it says of the text is another test's matter.
            with cpu_budget(5 * BUDGET_S), suppress(ValueError, ArithmeticError, BadRecord, Refusal):
                feed(name, text)
        except TooSlow:
            pytest.fail(f"{LENGTH} {label} are too dear for {name}")


def test_a_new_function_is_found() -> None:
    module = ModuleType("new")
    exec("def read(text: str, form: str, more: int = 1) -> str: ...\ndef other(name: str) -> str: ...", vars(module))  # noqa: S102 - our own text
    vars(module)["read"].__module__ = "new"
    vars(module)["other"].__module__ = "new"
    assert {name: needed for name, (_, needed) in list_text_readers([module]).items()} == {"new.read": ["form"]}


def test_a_function_of_the_square_is_stopped() -> None:
    text = TEXTS["letters"]
    with pytest.raises(TooSlow), cpu_budget(BUDGET_S):
        sum(letter == "b" for start in range(LENGTH) for letter in text[start:])
