"""Where a webhook may go: public addresses only, by what the name resolves to at the moment of each delivery."""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2048
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where a translating gateway would turn an IPv6 address into an IPv4 one of its choice (RFC 6052, RFC 8215).
TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class PrivateAddress(Exception):
    """The name leads to an address that is not on the public internet."""


class UnknownHost(Exception):
    """The name leads nowhere right now."""


def to_url(text: str) -> str:
    """Give the URL back. Raises ValueError for what no webhook can be sent to."""
    if len(text) > MAX_URL_LENGTH:
        raise ValueError(f"should have at most {MAX_URL_LENGTH} characters")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"https", "http"} or not host or any(character.isspace() for character in text):
        raise ValueError("is not an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name: the signature is what proves the sender")
    if parts.fragment:
        raise ValueError("holds a fragment, which is never sent")
    return text


def is_public(address: IPAddress) -> bool:
    """Tell whether this is on the public internet, also behind the forms that wrap an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in TRANSLATED):
            return False
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if wrapped is not None:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Give one address of `host` to connect to.

    Raises PrivateAddress when any of its addresses is not public: a name with a public and a private one is a trap.
    Raises UnknownHost.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHost(host) from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise UnknownHost(host)
    if not allow_private and not all(is_public(address) for address in addresses):
        raise PrivateAddress(host)
    return str(addresses[0])


async def require_public(url: str, *, allow_private: bool) -> None:
    """Refuse a URL that leads into the private network. A name that leads nowhere yet passes: it is looked up again."""
    parts = urlsplit(url)
    try:
        await resolve(parts.hostname or "", parts.port or 443, allow_private=allow_private)
    except UnknownHost:
        return
