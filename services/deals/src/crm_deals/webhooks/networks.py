"""Which addresses are on the public internet: an own list, since the standard library's differs between releases."""

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's registry of IPv4 special-purpose addresses, whether they say "globally reachable" or not: no customer's
# endpoint is at an anycast address of a protocol. Beside it multicast, and what clouds answer with credentials at:
# 169.254.169.254 and 100.100.100.200 lie in networks of the registry, 192.0.0.192 too, 168.63.129.16 does not.
REFUSED_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
            *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        ),
    )
)

# All that is assigned to hosts on the internet. Outside of it lie ::1, NAT64 (64:ff9b::/96, whose gateway turns an
# address into an IPv4 one of the sender's choice), fc00::/7 with fd00:ec2::254, fe80::/10, fec0::/10 and multicast.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

# IANA's registry of IPv6 special-purpose addresses within global unicast: Teredo, 6to4 (both of which wrap an IPv4
# address), documentation, protocols' own. 3ffe::/16 was given back in 2006.
REFUSED_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16"),
    )
)


def is_special(address: IPAddress) -> bool:
    """Return whether the lists above set the address aside; an IPv4 address in an IPv6 one is looked at itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in REFUSED_IPV4)
    if address.ipv4_mapped is not None:
        return is_special(address.ipv4_mapped)
    return address not in GLOBAL_UNICAST or any(address in network for network in REFUSED_IPV6)


def is_public(address: IPAddress) -> bool:
    """Return whether this is on the public internet, by our lists and by the standard library's beside them."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return not is_special(address) and address.is_global
