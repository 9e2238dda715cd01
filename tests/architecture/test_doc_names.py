"""Files that the documents name are there: after a move, or a change of words, a reader still finds them."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from architecture.source_files import ROOT

DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("*/*/README.md"),
        *ROOT.glob("docs/guides/*.md"),
        *ROOT.glob("docs/operations/**/*.md"),
    ]
)
PAST = {"CHANGELOG.md"}
FOLDERS = ("benchmarks", "deploy", "integrations", "libs", "services", "tests")
_NAMED = re.compile(r"`([a-z_0-9/]+\.py)`")


def list_missing(text: str, files: Sequence[str]) -> list[str]:
    return [name for name in _NAMED.findall(text) if not any(file.endswith(f"/{name}") for file in files)]


@pytest.fixture(scope="module")
def files() -> list[str]:
    return [path.as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if path.name not in PAST], ids=lambda path: path.stem)
def test_the_modules_that_it_names_are_there(document: Path, files: list[str]) -> None:
    assert not list_missing(document.read_text(), files)


def test_the_rule_sees_a_name_that_is_gone(files: list[str]) -> None:
    text = "`http/rate_limit.py`, `access/permissions.py`, `test_words.py`"
    assert list_missing(text, files) == ["access/permissions.py"]
