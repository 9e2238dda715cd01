"""There is one way to publish, and its call shows whether the act is audited."""

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from architecture.source_files import ROOT, SourceFile, read_sources

WRITES_THEM = ("crm_shared", "publishing.py")
INSERTS = ("INSERT INTO outbox", "INSERT INTO record_changes")
FLAGS = {"crm_shared.publishing.publish": "audited", "crm_shared.record_adapters.RecordAdapter": "is_audited"}


def inserts_elsewhere(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List what writes them by an SQL of its own: with one column more, it would be forgotten."""
    for source in sources:
        if source.path.parts[-2:] == WRITES_THEM:
            continue
        for node in source.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (f"{source.name}:{node.lineno} has {insert}" for insert in INSERTS if insert in node.value)


def _list_flags(source: SourceFile) -> Iterator[tuple[int, bool | None]]:
    """Yield (line, audited) of each publish, and of each kind of record; None where the call does not show it."""
    flags = {name.rpartition(".")[2]: FLAGS[name] for _, name in source.imports() if name in FLAGS}
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in flags:
            value = next((one.value for one in node.keywords if one.arg == flags[node.func.id]), None)
            yield (
                node.lineno,
                value.value if isinstance(value, ast.Constant) and isinstance(value.value, bool) else None,
            )


def hidden_audits(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List calls whose reader can't see whether an audit row is written. Shared code asks the kind of record."""
    for source in sources:
        for line, audited in _list_flags(source):
            if audited is None and source.package != "crm_shared":
                yield f"{source.name}:{line} does not say whether it is audited"


def unequal_audits(sources: Iterable[SourceFile]) -> Iterator[str]:
    """List aggregates of which some acts are audited and some are not: their record's changes would have gaps."""
    seen: dict[str, set[bool | None]] = {}
    for source in sources:
        aggregates = {module.removesuffix(".MAPPING") for _, module in source.imports()}
        for aggregate in (module for module in aggregates if module.endswith(".events")):
            seen.setdefault(aggregate, set()).update(audited for _, audited in _list_flags(source))
    yield from (f"{aggregate} is audited and is not" for aggregate, audited in seen.items() if len(audited) > 1)


Check = Callable[[Iterable[SourceFile]], Iterator[str]]


@pytest.mark.parametrize("check", [inserts_elsewhere, hidden_audits, unequal_audits], ids=lambda check: check.__name__)
def test_publishing_keeps_its_rules(check: Check) -> None:
    assert list(check(read_sources())) == []


IMPORTS = "from crm_deals.deals import events\nfrom crm_shared.publishing import publish\n"


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (inserts_elsewhere, "SQL = 'WITH x AS (SELECT 1) INSERT INTO outbox SELECT * FROM x'"),
        (hidden_audits, IMPORTS + "async def f(): await publish(transaction, wire, audited=is_audited)"),
        (
            unequal_audits,
            IMPORTS + "publish(transaction, wire, audited=True)\npublish(transaction, wire, audited=False)",
        ),
    ],
    ids=["insert", "hidden", "unequal"],
)
def test_each_rule_can_fail(check: Check, text: str) -> None:
    path = ROOT / Path("services/deals/src/crm_deals/deals/commands.py")
    assert list(check([SourceFile(path, "crm_deals", ast.parse(text))])) != []
