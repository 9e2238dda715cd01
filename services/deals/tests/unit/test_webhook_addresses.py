"""Where webhooks may go, and how they are signed."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_deals.webhooks import addresses, domain, signing
from crm_deals.webhooks.addresses import PrivateAddress, UnknownHost
from crm_deals.webhooks.sending import Sender

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *(
            "224.0.0.1",
            "0.1.2.3",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
        ),
        *("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_private_addresses_in_every_disguise(text: str) -> None:
    assert not addresses.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_public_addresses(text: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://erp.example/", "erp.example", "https://", "https://user:word@erp.example/", "https://erp.example/#x"),
        *("https://erp.example:99999/", "https://erp.example/a b", "javascript:alert(1)", "https://[::1/"),
        "https://erp.example/" + "x" * 2048,
    ],
)
def test_what_is_no_address_of_a_webhook(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds|should)"):
        addresses.to_url(url)


class Names:
    """Stands for DNS: answers change between two questions, as an attacker's would."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def getaddrinfo(self, _host: str, port: int, **_: Any) -> list[Any]:
        found = self._answers.pop(0)
        if not found:
            raise socket.gaierror(8, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


async def test_one_private_address_among_public_ones_is_a_trap(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["8.8.8.8"], ["8.8.8.8", "10.0.0.1"], [])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo, raising=False)
    assert await addresses.resolve("erp.example", 443, allow_private=False) == "8.8.8.8"
    with pytest.raises(PrivateAddress):
        await addresses.resolve("erp.example", 443, allow_private=False)
    with pytest.raises(UnknownHost):
        await addresses.resolve("erp.example", 443, allow_private=False)


async def test_a_name_that_turned_private_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo, raising=False)
    await addresses.require_public("https://erp.example/", allow_private=False)
    sender = Sender(timeout_s=1, allow_private=False)
    try:
        answer = await sender.send("https://erp.example/", b"{}", {})
    finally:
        await sender.close()
    assert (answer.status, answer.error) == (None, "the name leads to a private address")


def _sign(secrets: list[str]) -> dict[str, str]:
    return signing.sign(b"{}", message_id="m", at=NOW, secrets_=secrets)


def test_each_valid_secret_signs() -> None:
    secret = signing.make_secret()
    headers = _sign([secret, "plain"])
    keys = [base64.b64decode(secret.removeprefix("whsec_")), b"plain"]
    signed = f"m.{int(NOW.timestamp())}.{{}}".encode()
    expected = ["v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    assert headers["webhook-signature"].split(" ") == expected
    assert signing.to_key("whsec_ü") == "whsec_ü".encode()  # no base64: the text itself


def test_a_replaced_secret_signs_until_its_time_is_over() -> None:
    webhook = domain.create(
        UUID(int=1), url="https://erp.example/", event_types=("crm.deal.won",), secret="old", now=NOW
    ).webhook
    event = domain.edit(webhook, {"secret": "new"}, overlap=timedelta(hours=24), now=NOW)
    assert event is not None
    assert domain.list_secrets(event.webhook, now=NOW + timedelta(hours=23)) == ["new", "old"]
    assert domain.list_secrets(event.webhook, now=NOW + timedelta(hours=24)) == ["new"]
    assert domain.edit(event.webhook, {"secret": "new"}, overlap=timedelta(hours=24), now=NOW) is None
