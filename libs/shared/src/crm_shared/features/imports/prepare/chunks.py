"""Rows that are ready to be written in one transaction: what passes from the process beside the worker to it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm_shared.features.imports.error_files import RowKey as FailedRow
from crm_shared.features.imports.problems import RowProblem, Warned
from crm_shared.features.imports.references import Found


@dataclass(slots=True)
class PreparedChunk:
    """Rows to be written in one transaction.

    `rows`: as their kind gathers them, in the order of `lines` and `cells`, which say where each stood and what it
    was; and, unless each is to be new, of `given` and `keys`: of which fields it says something, what it is found by.
    `matched`: by number, those whose record is there; `failed_before`: those that an errors file names. `left_out`:
    rows that another import has taken. `met_again`: of a dry run, those whose record an earlier chunk would have made.
    `problems`: of rows that are none. `rows_read` and `bytes_read` count from the file's beginning.
    """

    found: Found
    rows_read: int
    bytes_read: int
    rows: Any = None
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    given: list[tuple[str, ...]] = field(default_factory=list)
    keys: list[tuple[str, str] | None] = field(default_factory=list)
    matched: dict[int, UUID] = field(default_factory=dict)
    failed_before: dict[int, FailedRow] = field(default_factory=dict)
    left_out: int = 0
    met_again: set[int] = field(default_factory=set)
    problems: list[RowProblem] = field(default_factory=list)
    failed: int = 0
    warned: set[Warned] = field(default_factory=set)
