"""Each list's SQL can be read: what returns a ListStatement has its golden file, and each golden file its list."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from architecture.source_files import ROOT, SourceFile, read_sources

MAKES_ANY = ("crm_shared", "listing")
"""The folder whose functions make statements of whatever they are given."""


def list_statements(sources: Iterable[SourceFile]) -> Iterator[str]:
    """Name the lists: `select_deals` of `deals.sql`."""
    for source in sources:
        if source.path.parts[-len(MAKES_ANY) - 1 : -1] == MAKES_ANY:
            continue
        for node in source.nodes:
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                returned = ast.unparse(node.returns)
                if returned in {"ListStatement", "Statement"}:
                    yield node.name.removeprefix("select_")


def list_golden(root: Path) -> list[str]:
    return sorted(
        path.stem for folder in ("libs", "services") for path in (root / folder).rglob("tests/**/golden/*.sql")
    )


def test_every_list_has_its_golden_file() -> None:
    assert sorted(list_statements(read_sources())) == list_golden(ROOT)


def test_a_list_without_one_is_found() -> None:
    text = "def select_forgotten(page: Page) -> ListStatement: ..."
    source = SourceFile(ROOT / "services/deals/src/crm_deals/deals/queries.py", "crm_deals", ast.parse(text))
    assert list(list_statements([source])) == ["forgotten"]
