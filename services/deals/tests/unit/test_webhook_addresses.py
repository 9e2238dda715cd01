"""Where webhooks may go, and when they come again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

import pytest

from crm_deals.webhooks import addresses, destinations
from crm_deals.webhooks.destinations import Destinations, PrivateAddress, Refused, UnknownHost
from crm_deals.webhooks.retry_after import read_retry_after
from crm_deals.webhooks.sending import Sender
from crm_shared.clock import SystemClock

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Names:
    """Stands for DNS: answers change between two questions, as an attacker's would."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def look_up(self, host: str, _port: int) -> list[str]:
        found = self._answers.pop(0)
        if not found:
            raise UnknownHost(host)
        return found


STRICT = Destinations(allow_private=False, allow_http=False, ports=frozenset({443, 8443}))


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://erp.example/", "erp.example", "https://", "https://user:word@erp.example/", "https://erp.example/#x"),
        *("https://erp.example:99999/", "https://erp.example/a b", "javascript:alert(1)", "https://[::1/"),
        *("https://erp.example:0/", "https://erp.example:-1/", "https://@erp.example/", "https://erp.example\\@x/"),
        *(
            "https://erp.example/\u0007",
            "https://erp.example/\x7f",
            "https://erp.example/\u200b",
            "https://e\trp.example/",
        ),
        *(
            f"https://{'a' * 64}.example/",
            f"https://{'b.' * 125}example/",
            "https://erp..example/",
            "https://-erp.example/",
        ),
        *("https://☕.example/", "https://[fe80::1%25eth0]/", "https://erp.example/\u2028", "https://erp.example:x/"),
        *("https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://1.2.3.256/", "https://\uff10x7f.1/"),
        "https://erp.example/" + "x" * 2048,
        "https://erp.example/" + "ü" * 400,  # in ASCII each is six signs
    ],
)
def test_what_is_no_address_of_a_webhook(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds|has|should)"):
        addresses.to_url(url)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://müller-erp.de", "https://xn--mller-erp-q9a.de"),
        (
            "https://BÜCHER.example:8443/Bücher?q=ä&k=%C3%A4",
            "https://xn--bcher-kva.example:8443/B%C3%BCcher?q=%C3%A4&k=%C3%A4",
        ),
        ("HTTPS://ERP.Example./hooks?key=abc", "https://erp.example/hooks?key=abc"),
        ("https://erp_1.example:443/", "https://erp_1.example:443/"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://[2606:2800:0220:0001::0]/", "https://[2606:2800:220:1::]/"),
        ("https://\uff19.9.9.9/", "https://9.9.9.9/"),
        ("https://erp.example/a%20b;c=d/~x?[1]={2}|3", "https://erp.example/a%20b;c=d/~x?[1]={2}|3"),
    ],
)
def test_addresses_are_kept_in_ascii_and_read_the_same_again(written: str, kept: str) -> None:
    assert addresses.to_url(written) == kept
    assert addresses.to_url(kept) == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://erp.example/", "is not https"),
        ("https://erp.example:25/", "leads to port 25"),
        ("https://erp.example:6379/", "leads to port 6379"),
        ("https://erp.example:80/", "leads to port 80"),
    ],
)
def test_only_https_on_its_ports_is_sent_to(url: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        STRICT.require_allowed(url)
    replace(STRICT, allow_private=True).require_allowed(url)


def test_operators_may_allow_plain_http_and_other_ports() -> None:
    STRICT.require_allowed("https://erp.example:8443/")
    replace(STRICT, allow_http=True).require_allowed("http://erp.example/")
    with pytest.raises(Refused):
        replace(STRICT, allow_http=True).require_allowed("http://erp.example:8080/")
    replace(STRICT, ports=frozenset({9000})).require_allowed("https://erp.example:9000/")


async def test_one_private_address_among_public_ones_is_a_trap() -> None:
    names = Names(["8.8.8.8"], ["8.8.8.8", "10.0.0.1"], [])
    assert await STRICT.find_address("https://erp.example/", names.look_up) == "8.8.8.8"
    with pytest.raises(PrivateAddress):
        await STRICT.find_address("https://erp.example/", names.look_up)
    with pytest.raises(UnknownHost):
        await STRICT.find_address("https://erp.example/", names.look_up)


@pytest.mark.parametrize(
    ("url", "found", "error"),
    [
        ("https://erp.example/", ["127.0.0.1"], "the URL leads to a private address"),
        ("http://erp.example/", ["8.8.8.8"], "the URL is not https, which alone is allowed here"),
        ("https://erp.example/", [], "the name can't be resolved"),
        ("https://" + "a" * 64 + ".example/", ["8.8.8.8"], "the URL has a host that is no name in DNS"),
    ],
)
async def test_each_delivery_looks_at_its_address_again(url: str, found: list[str], error: str) -> None:
    sender = Sender(STRICT, SystemClock(), timeout_s=1, look_up=Names(found).look_up)
    try:
        answer = await sender.send(url, b"{}", {})
    finally:
        await sender.close()
    assert answer.status is None
    assert answer.error is not None
    assert answer.error.startswith(error)


async def test_a_name_that_hangs_is_asked_for_once_and_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, asked = Event(), []

    def ask(host: str, _port: int) -> list[str]:
        asked.append(host)
        if host == "slow.example":
            answered.wait(120)
        return ["8.8.8.8"]

    monkeypatch.setattr(destinations, "_ask", ask)
    names = destinations.Names()
    slow = [asyncio.create_task(names.look_up("slow.example", 443)) for _ in range(300)]
    try:
        slow[0].cancel()
        assert await asyncio.wait_for(names.look_up("quick.example", 443), 60) == ["8.8.8.8"]
        answered.set()
        assert await asyncio.gather(*slow[1:]) == [["8.8.8.8"]] * 299
        assert sorted(asked) == ["quick.example", "slow.example"]
    finally:
        answered.set()
        names.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("120", 120), (" 7 ", 7), ("0", 0), ("999999", 999_999), ("9" * 5000, None), ("²", None), ("-5", None)),
        *(("1.5", None), ("", None), ("soon", None), ("١٢", None)),
        *(("Sun, 22 Nov 2026 09:02:00 GMT", 120), ("Sun, 22 Nov 2026 08:00:00 GMT", 0)),
        *(("Sunday, 22-Nov-26 09:01:00 GMT", 60), ("Sun Nov 22 09:00:30 2026", 30)),
        *(
            ("Fri, 31 Dec 9999 23:59:59 -2359", 999_999),
            ("Sun, 99 Nov 2026 09:02:00 GMT", None),
            ("Sun, " * 5000, None),
        ),
    ],
)
def test_retry_after_is_read_in_both_forms_and_never_breaks(text: str, seconds: int | None) -> None:
    assert read_retry_after(text, now=NOW) == seconds
