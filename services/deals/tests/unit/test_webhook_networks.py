"""Which addresses are on the internet, whatever the release of Python says."""

import ipaddress

import pytest

from crm_deals.webhooks.networks import is_public, is_special

SPECIAL = (
    # what IANA sets aside
    *("0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.0.0.8"),
    *("192.0.0.9", "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1"),
    *("192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "100::1", "2001::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:10::1", "2001:20::1"),
    *("2001:30::1", "2001:db8::1", "2002::1", "2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1", "3ffe::1", "5f00::1"),
    *("fc00::1", "fdff::1", "fe80::1", "fec0::1", "feff::1", "ff02::1", "4000::1"),
    # what clouds answer with credentials at
    *("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    # what wraps an IPv4 address
    *("::ffff:127.0.0.1", "::ffff:168.63.129.16", "2002:7f00:1::", "2002:808:808::", "64:ff9b::7f00:1"),
    *("64:ff9b::8.8.8.8", "64:ff9b:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
)


@pytest.mark.parametrize("text", SPECIAL)
def test_special_addresses_are_refused_by_our_own_lists(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert is_special(address)  # without the standard library's word
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "93.184.216.34",
            "8.8.8.8",
            "1.1.1.1",
            "100.128.0.1",
            "168.63.129.17",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.1",
        ),
        *("2606:2800:220:1:248:1893:25c8:1946", "2001:4860:4860::8888", "2a00:1450:4001::1", "::ffff:8.8.8.8"),
    ],
)
def test_public_addresses(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
