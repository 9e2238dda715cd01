"""Golden files: what the code writes, kept in `golden/` beside the test, so that a change of it shows in a diff.

A pytest plugin. `pytest --write-golden <tests>` writes them anew: look at the diff before it is committed.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from crm_shared.access import Caller, Role
from crm_shared.features.custom_fields import Definitions, EntityType, FieldType
from crm_shared.features.custom_fields.domain import NewCustomField, create
from crm_shared.listing import Key, ListStatement, Order, Page, Statement

TENANT: Final = UUID("00000000-0000-7000-8000-0000000000a1")
USER: Final = UUID("00000000-0000-7000-8000-0000000000b1")
RECORD: Final = UUID("00000000-0000-7000-8000-0000000000c1")
OTHER: Final = UUID("00000000-0000-7000-8000-0000000000c2")
MOMENT: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

ADMIN: Final = Caller(TENANT, USER, Role.ADMIN, "EUR", "Europe/Berlin")
MANAGER: Final = Caller(TENANT, USER, Role.MANAGER, "EUR", "Europe/Berlin")
REP: Final = Caller(TENANT, USER, Role.REP, "EUR", "Europe/Berlin")
SHARED_WITH: Final = Caller(TENANT, USER, Role.REP, "EUR", "Europe/Berlin", has_shares=True)


def first(order: Order) -> Page:
    return Page(order, None, limit=50)


def after(order: Order, value: Any = MOMENT) -> Page:
    """Return the page behind a record with `value`; None for one without a value."""
    return Page(order, Key(value, RECORD), limit=50)


def define(entity_type: EntityType, fields: Mapping[str, FieldType]) -> Definitions:
    """Return definitions of `fields`, by key."""
    return Definitions(
        TENANT,
        entity_type,
        [
            create(
                RECORD,
                NewCustomField(
                    entity_type=entity_type,
                    key=key,
                    label=key,
                    field_type=field_type,
                    options=(),
                    required=False,
                    indexed=True,
                    used_for_matching=False,
                ),
                now=MOMENT,
            )
            for key, field_type in fields.items()
        ],
    )


class Golden:
    """The golden files of one test module."""

    def __init__(self, folder: Path, *, writes: bool) -> None:
        self._folder = folder
        self._writes = writes

    def compare(self, name: str, statements: Mapping[str, ListStatement | Statement]) -> None:
        """Hold what is sent for each kind of page, by what is asked, against the file."""
        self.compare_text(f"{name}.sql", "\n".join(_to_lines(statements)))

    def compare_text(self, file_name: str, text: str) -> None:
        path = self._folder / file_name
        if self._writes:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        kept = path.read_text("utf-8") if path.exists() else ""
        assert text == kept, f"{file_name} differs: if it should, run pytest --write-golden and look at the diff"


def _to_lines(statements: Mapping[str, ListStatement | Statement]) -> Iterable[str]:
    for asked, statement in statements.items():
        yield f"-- == {asked}"
        yield str(statement)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="write golden files anew in place of comparing them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.path.parent / "golden", writes=request.config.getoption("--write-golden"))
