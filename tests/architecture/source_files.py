"""Reads the project's own source as syntax trees, for the checks beside it."""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from crm_shared.gc_freeze import frozen_after_loading
from crm_shared.service_registry import SERVICES

ROOT = Path(__file__).resolve().parents[2]

ALONE = (
    *("libs/shared", "libs/testing", "integrations/warehouse"),
    *("deploy/canary", "deploy/issuer", "deploy/local", "deploy/observability"),
)


@dataclass(frozen=True)
class SourceFile:
    """One module: `package` is crm_deals, `room` its file's stem, `tree` its syntax."""

    path: Path
    package: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All of its syntax, kept: to walk a tree costs twenty times what going through a list does, once a rule."""
        return list(ast.walk(self.tree))

    @property
    def room(self) -> str:
        return self.path.stem

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    def imports(self) -> list[tuple[int, str]]:
        """List (line, module) of each import; `from a import b` gives both `a` and `a.b`."""
        return self._imports

    @cached_property
    def _imports(self) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((node.lineno, node.module))
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        return found


@cache
def read_sources() -> list[SourceFile]:
    """Return every module of the project's own. Not while tests are collected: it takes seconds.

    They are kept until the process ends, and half a million nodes are not walked at each collection of garbage.
    """
    folders = [*(ROOT / folder / "src" for folder in ALONE), *(ROOT / f"services/{s}/src" for s in SERVICES)]
    with frozen_after_loading():
        return [
            SourceFile(path, path.relative_to(folder).parts[0], ast.parse(path.read_text(encoding="utf-8"), str(path)))
            for folder in folders
            for path in sorted(folder.rglob("*.py"))
        ]


def read_tests() -> list[SourceFile]:
    """Return every module of the tests and of the benchmarks. Not while tests are collected, and not kept."""
    folders = [ROOT / "tests", ROOT / "benchmarks", *ROOT.glob("*/*/tests")]
    return [
        SourceFile(path, "tests", ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    ]


def parse_as(path: str, package: str, text: str) -> SourceFile:
    """Return `text` as a module of `package` at `path`, for a test that a rule can fail."""
    return SourceFile(ROOT / path, package, ast.parse(text))
