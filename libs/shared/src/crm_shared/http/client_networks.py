"""Whom limits by address count as one client."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

HOST_BITS: Final = 64
"""Of an IPv6 address. Every subscriber has at least a /64 (RFC 6177): counted by one address, none is ever full."""


def to_client_network(host: str) -> str:
    """Return what `host` is counted under: an IPv4 address itself, of IPv6 the /64; any other text as it is.

    An IPv4 address that is written as IPv6, as a socket for both sees it, is the IPv4 address.
    """
    try:
        address = IPv6Address(host)
    except AddressValueError:
        return host
    mapped: IPv4Address | None = address.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return f"{IPv6Address(int(address) >> HOST_BITS << HOST_BITS)}/{HOST_BITS}"
