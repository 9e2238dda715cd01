"""Phone numbers as people type them."""

import pytest

from crm_search.phones import PhoneQuery, looks_like_phone, parse_phone


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("030 901820", "DE", PhoneQuery("4930901820", "30901820")),
        ("+49 (30) 90 18-20", "US", PhoneQuery("4930901820", "4930901820")),
        ("0049 30 901820", "DE", PhoneQuery("4930901820", "4930901820")),
        ("(415) 555-2671", "US", PhoneQuery("14155552671", "4155552671")),
        ("2671", "US", PhoneQuery(None, "2671")),
        ("+999 1", "US", PhoneQuery(None, "9991")),
        ("12", "US", None),
        ("0000", "US", None),
        ("SF-0031", "US", None),
        ("2026 forecast", "US", None),
    ],
)
def test_reading_what_was_typed(text: str, region: str, expected: PhoneQuery | None) -> None:
    assert parse_phone(text, region) == expected


def test_looks() -> None:
    assert looks_like_phone("030/90 18 20")
    assert not looks_like_phone("zoe 901820")
