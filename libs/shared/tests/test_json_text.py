"""JSON holds no NaN and no Infinity, whatever it is made of."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from crm_shared.json_text import to_json

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(codec="utf-8")), inner)),
)


@given(values)
def test_what_is_no_number_is_null(value: Any) -> None:
    assert from_json(to_json(value), allow_inf_nan=False) == _tidy(value)


def _tidy(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    return value


def test_decimals_stay_exact() -> None:
    assert to_json({"amount": Decimal("12500.00")}) == b'{"amount":"12500.00"}'
