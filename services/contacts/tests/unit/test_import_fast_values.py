"""Addresses and numbers that are read the fast way are those that the API takes."""

from collections.abc import Callable

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_contacts.emails import to_email
from crm_contacts.imports.plain_values import read_e164, read_email, read_phone
from crm_contacts.phones import to_e164, to_phone

REGIONS = st.one_of(st.sampled_from(["DE", "US", "GB", "IT", "CA", "RU", "MX", "AR", "BR"]),
                    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))  # fmt: skip


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Return texts that look like numbers: real ones as people write them, with a slip, or digits at random."""
    example = phonenumbers.example_number(draw(REGIONS))
    if example is None or draw(st.booleans()):
        return draw(st.from_regex(r"\A\+?[0-9 ().\-]{3,17}\Z"))
    text = phonenumbers.format_number(example, draw(st.sampled_from([0, 1, 2])))
    at = draw(st.integers(0, len(text) - 1))
    return text[:at] + draw(st.sampled_from(["", text[at], "0", "x", "/", "+", " "])) + text[at + 1 :]


@settings(deadline=None)
@given(numbers(), REGIONS)
def test_a_number_read_the_fast_way_is_the_same_number(text: str, region: str) -> None:
    text = text.strip()
    if text:
        assert read_e164(text, region) == to_e164(text, region)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    local = draw(
        st.one_of(st.from_regex(r"\A[A-Za-z0-9._+\-]{0,70}\Z"), st.sampled_from(["Postmaster", "INFO", "a..b"]))
    )
    domain = draw(st.one_of(st.from_regex(r"\A[A-Za-z0-9.\-]{0,30}\Z"), st.sampled_from(["Acme.Example", "bücher.de"])))
    return draw(st.sampled_from([f"{local}@{domain}", f"{local}{domain}", f"{local}@@{domain}"]))


def outcome(read_one: Callable[[str], str], text: str) -> str:
    try:
        return read_one(text)
    except ValueError as error:
        return str(error)


@settings(deadline=None)
@given(addresses())
def test_an_address_read_the_fast_way_is_the_same_address(text: str) -> None:
    assert outcome(read_email, text) == outcome(to_email, text)


@settings(deadline=None)
@given(st.one_of(numbers(), st.text(st.sampled_from("0¹٣1 a-"), max_size=5), st.text(min_size=60, max_size=70)))
def test_a_phone_taken_the_fast_way_is_taken_by_the_api(text: str) -> None:
    assert outcome(read_phone, text) == outcome(to_phone, text)
