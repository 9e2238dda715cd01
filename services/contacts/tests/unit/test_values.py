"""Addresses, numbers, domains, tags and time zones: what is taken, in which form, and what is not."""

import pytest

from crm_contacts.companies.internet import to_domain, to_website
from crm_contacts.emails import to_email
from crm_contacts.phones import to_e164, to_phone, to_region
from crm_contacts.tags import MAX_LENGTH, to_tag, to_tags
from crm_shared.time_zones import to_time_zone


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("zoe@acme.example", "zoe@acme.example"),
        ("Zoe.Okonkwo@ACME.Example", "Zoe.Okonkwo@acme.example"),
        ("a+b@mail.acme.test", "a+b@mail.acme.test"),
        ("jürgen@münchen.example", "jürgen@münchen.example"),
    ],
)
def test_an_address_keeps_its_form(text: str, email: str) -> None:
    assert to_email(text) == email


@pytest.mark.parametrize(
    "text", ["", "zoe", "zoe@", "@acme.example", "zoe@acme", "a b@acme.example", "Zoe <z@a.example>"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        to_email(text)


@pytest.mark.parametrize(
    ("phone", "region", "e164"),
    [
        ("030 901820", "DE", "+4930901820"),
        ("+49 (30) 90 18-20", "US", "+4930901820"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+49 30 901820 ext. 5", "DE", "+4930901820"),
        ("555-1234", "US", None),  # dials only inside its area
        ("12", "DE", None),
        ("+999 123", "DE", None),
    ],
)
def test_a_phone_has_one_form_however_it_is_written(phone: str, region: str, e164: str | None) -> None:
    assert to_phone(phone) == phone
    assert to_e164(phone, region) == e164


@pytest.mark.parametrize("text", ["", "call me", "5", "1" * 65])
def test_what_nobody_could_dial_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"phone number|characters"):
        to_phone(text)


def test_a_region_has_a_telephone_plan() -> None:
    assert to_region("DE") == "DE"
    for code in ("de", "XX", ""):
        with pytest.raises(ValueError, match="country code"):
            to_region(code)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.com", "acme.com"),
        ("ACME.com", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("https://www.Acme.com/about?x=1", "acme.com"),
        ("http://user@acme.com:8080", "acme.com"),
        ("acme.com.", "acme.com"),
        ("sub.acme.co.uk", "sub.acme.co.uk"),
        ("MÜNCHEN.de", "münchen.de"),
        ("xn--mnchen-3ya.de", "münchen.de"),
    ],
)
def test_a_domain_has_one_form_however_it_is_written(text: str, domain: str) -> None:
    assert to_domain(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme",
        "a b.com",
        "1.2.3.4",
        "-acme.com",
        "acme..com",
        "a_b.com",
        "http://[::1]/",
        "http://[x",
        "a" * 64 + ".com",
    ],
)
def test_what_names_no_domain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a domain name"):
        to_domain(text)


@pytest.mark.parametrize("text", ["https://acme.com", "acme.com/about", "http://acme.com:8080/?q=1"])
def test_a_website_stays_as_written(text: str) -> None:
    assert to_website(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "javascript://x/%0aalert(1)",
        "javascript:alert(1)",
        "vbscript:1",
        "ftp://acme.com",
        "https://",
        "http://a b.com",
        "http://[x",
        "a" * 2049,
    ],
)
def test_what_no_browser_opens_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"web address|characters"):
        to_website(text)


def test_a_tag_is_trimmed_and_stands_once() -> None:
    assert to_tag("  board member ") == "board member"
    assert to_tags(["b", "a", "b"]) == ("b", "a")
    assert to_tag("👩‍💻") == "👩‍💻"


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_LENGTH + 1), "a\nb", "a\x00b", "\x7f"])
def test_an_odd_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes|control"):
        to_tag(text)


def test_a_time_zone_is_one_of_iana() -> None:
    assert to_time_zone("Europe/Berlin") == "Europe/Berlin"
    assert to_time_zone("UTC") == "UTC"
    for name in ("", "Mars/Base", "europe/berlin", "Factory", "../etc/passwd"):
        with pytest.raises(ValueError, match="IANA"):
            to_time_zone(name)
