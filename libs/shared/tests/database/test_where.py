"""The filter builder: values become parameters, never text."""

from hypothesis import given
from hypothesis import strategies as st

from crm_shared.database import Where


def test_clauses_are_joined_and_numbered_in_order() -> None:
    where = Where("tenant", 2).add("a = {}", "x").add("b BETWEEN {} AND {}", 1, 9)
    assert where.sql == "a = $3 AND b BETWEEN $4 AND $5"
    assert where.parameters == ["tenant", 2, "x", 1, 9]


def test_without_clauses_it_is_true() -> None:
    assert Where().sql == "true"
    assert Where("fixed").parameters == ["fixed"]


def test_a_value_numbered_by_hand_keeps_its_place() -> None:
    where = Where()
    limit = where.number(10)
    where.add_sql(f"n < {limit}").add("m = {}", "y")
    assert (where.sql, where.parameters) == ("n < $1 AND m = $2", [10, "y"])


@given(st.lists(st.text()))
def test_no_value_ever_reaches_the_text(values: list[str]) -> None:
    where = Where()
    for value in values:
        where.add("c = {}", value)
    assert where.parameters == values
    assert where.sql == (" AND ".join(f"c = ${n + 1}" for n in range(len(values))) or "true")
