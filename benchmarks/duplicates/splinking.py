"""Splink on the same rows, as its documentation sets it up for persons: `uv sync --group bench` brings it.

Settings after its tutorial: name comparisons with term frequency, date of birth, e-mail and exact matches; u by random
sampling, the prior by deterministic rules at a recall of 0.7, m by expectation maximisation in two rounds.
"""

import logging
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import combinations
from typing import Any, Final
from uuid import UUID

MAX_PAIRS: Final = 1e6
RECALL: Final = 0.7
AT_LEAST: Final = 0.01
BESIDE: Final = ("email", "phone", "company_name", "job_title")

Pair = tuple[UUID, UUID]
Row = Mapping[str, Any]


def is_installed() -> bool:
    return find_spec("splink") is not None


def score_pairs(rows: Sequence[Row]) -> dict[Pair, float]:
    """Return Splink's probabilities for the pairs of contacts' rows that it proposes."""
    import duckdb  # noqa: PLC0415 - of the bench group alone, as the next
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on  # noqa: PLC0415

    logging.getLogger("splink").setLevel(logging.ERROR)
    columns = _list_columns(rows)
    connection = duckdb.connect()
    _load(connection, rows, columns)
    database = DuckDBAPI(connection)
    blocks = [block_on(*block) for block in _list_blocks(columns)]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        blocking_rules_to_generate_predictions=blocks,
        comparisons=[_compare(column) for column in columns],
    )
    linker = Linker(database.register("people"), settings, log_level=logging.ERROR)
    linker.training.estimate_probability_two_random_records_match(_list_sure_rules(columns), recall=RECALL)
    linker.training.estimate_u_using_random_sampling(max_pairs=MAX_PAIRS, seed=1)
    for block in _list_training_blocks(columns):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*block))
    predicted = linker.inference.predict(threshold_match_probability=AT_LEAST)
    found = connection.sql(f"SELECT id_l, id_r, match_probability FROM {predicted.physical_name}").fetchall()  # noqa: S608
    return {_ordered(UUID(one), UUID(other)): probability for one, other, probability in found}


def _ordered(one: UUID, other: UUID) -> Pair:
    return (one, other) if one < other else (other, one)


def _list_columns(rows: Sequence[Row]) -> list[str]:
    custom = sorted({key for row in rows for key in row["custom_data"]})
    return [
        *("first_name", "last_name"),
        *(name for name in BESIDE if sum(row[name] is not None for row in rows) > len(rows) / 20),
        *custom,
    ]


def _load(connection: Any, rows: Sequence[Row], columns: Sequence[str]) -> None:
    connection.execute(f"CREATE TABLE people (id text, {', '.join(f'{name} text' for name in columns)})")
    values = [[str(row["id"]), *(_value_of(row, name) for name in columns)] for row in rows]
    places = ", ".join("?" * (len(columns) + 1))
    for value in values:
        connection.execute(f"INSERT INTO people VALUES ({places})", value)  # noqa: S608 - texts of ours


def _value_of(row: Row, name: str) -> str | None:
    value = row.get(name) or row["custom_data"].get(name)
    return str(value).lower() if value else None


def _compare(column: str) -> Any:
    import splink.comparison_library as cl  # noqa: PLC0415 - as above

    if column in {"first_name", "last_name"}:
        return cl.NameComparison(column).configure(term_frequency_adjustments=True)
    if column == "birth_date":
        return cl.DateOfBirthComparison(column, input_is_string=True)
    if column == "email":
        return cl.EmailComparison(column)
    return cl.ExactMatch(column).configure(term_frequency_adjustments=True)


def _list_training_blocks(columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return two rules of which neither holds what the other learns; contacts at work have no date of birth."""
    return [("first_name", "last_name"), ("birth_date",) if "birth_date" in columns else ("phone",)]


def _list_blocks(columns: Sequence[str]) -> list[tuple[str, ...]]:
    whole = [("first_name", "last_name"), ("birth_date",), ("email",), ("phone",)]
    beside = [(name, other) for name in ("first_name", "last_name") for other in ("city", "postcode", "company_name")]
    return [block for block in (*whole, *beside) if set(block) <= set(columns)]


def _list_sure_rules(columns: Sequence[str]) -> list[str]:
    sure = [("first_name", "last_name", "birth_date"), ("email",)]
    if "birth_date" not in columns:
        sure += [("first_name", "last_name", "phone"), ("first_name", "last_name", "company_name")]
    sure += [("birth_date", *pair) for pair in combinations(("last_name", "city"), 2)]
    return [" AND ".join(f"l.{name} = r.{name}" for name in rule) for rule in sure if set(rule) <= set(columns)]
