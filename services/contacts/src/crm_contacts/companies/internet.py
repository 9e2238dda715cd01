"""A company's place on the internet: its domain, one form for all ways to write it, and its website."""

from typing import Annotated
from urllib.parse import urlsplit

import idna
from pydantic import AfterValidator, Field

from crm_shared.text import has_control

MAX_DOMAIN_LENGTH = 253
MAX_WEBSITE_LENGTH = 2048
MIN_LABELS = 2


def to_domain(text: str) -> str:
    """Bring `https://www.Acme.com/about` and the like to `acme.com`. Raises ValueError for what names no domain."""
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
        ascii_name = idna.encode(host.rstrip(".").removeprefix("www."), uts46=True).decode()
        domain = idna.decode(ascii_name)
    except (ValueError, UnicodeError):
        raise ValueError("is not a domain name, such as acme.com") from None
    labels = ascii_name.split(".")
    if has_control(text) or len(labels) < MIN_LABELS or labels[-1].isdigit() or len(ascii_name) > MAX_DOMAIN_LENGTH:
        raise ValueError("is not a domain name, such as acme.com")
    return domain


def to_website(text: str) -> str:
    """Return the address as it was written. Raises ValueError for anything that a browser would not open as a site."""
    if len(text) > MAX_WEBSITE_LENGTH:
        raise ValueError(f"should have at most {MAX_WEBSITE_LENGTH} characters")
    if not _is_web_address(text):
        raise ValueError("is not a web address, such as https://acme.com")
    return text


def _is_web_address(text: str) -> bool:
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"https://{text}")
        host, _ = (
            parts.hostname or "",
            parts.port,
        )  # the port is read only here, and `javascript:alert(1)` has a bad one
    except ValueError:
        return False
    is_host = bool(host) and (has_scheme or "." in host)
    is_plain = not has_control(text) and not any(character.isspace() for character in text)
    return is_host and parts.scheme in {"http", "https"} and is_plain


InternetDomain = Annotated[str, AfterValidator(to_domain), Field(examples=["acme.com"])]
Website = Annotated[str, AfterValidator(to_website), Field(examples=["https://acme.com"])]
