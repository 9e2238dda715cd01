"""Where a PostgreSQL is reached: `host[:port]`, taken from a DSN or from who calls."""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import urlsplit

LONGEST: Final = 300
MAX_PORT: Final = 65535
ADDRESS: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*))(?::(?P<port>[0-9]{1,5}))?"
)


def parse_address(text: str) -> str:
    """Return `text` if it is `host`, `host:port`, `[IPv6]` or `[IPv6]:port`, else raise ValueError."""
    found = ADDRESS.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise ValueError("host[:port], as db.example:5432 or [2001:db8::1]:5432, and nothing else")
    if found["port"] is not None and not 1 <= int(found["port"]) <= MAX_PORT:
        raise ValueError(f"a port is 1 to {MAX_PORT}")
    if found["ipv6"] is not None:
        try:
            IPv6Address(found["ipv6"])
        except AddressValueError as error:
            raise ValueError("what stands in brackets is no IPv6 address") from error
    return text


def address_of(dsn: str) -> str:
    """Return `host:port` of a DSN."""
    return urlsplit(dsn).netloc.rpartition("@")[2]


def database_of(dsn: str) -> str:
    """Return the database that a DSN names."""
    return urlsplit(dsn).path.removeprefix("/")


def at_address(dsn: str, address: str) -> str:
    """Return `dsn` with another `host[:port]`: the same login at another server."""
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{address}").geturl()
