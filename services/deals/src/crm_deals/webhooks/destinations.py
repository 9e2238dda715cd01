"""Where this suite sends webhooks: by scheme, port, and what a name resolves to at the moment of each delivery."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from crm_deals.settings import DealsSettings
from crm_deals.webhooks.addresses import port_of
from crm_deals.webhooks.networks import is_public

LOOKUPS_AT_ONCE = 128
"""Threads that wait for DNS, made as they are needed."""

LOOKUP_S = 3.0
"""How long a request that names a webhook's URL waits for DNS."""

LookUp = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses of a host. Raises UnknownHost."""


class Refused(Exception):
    """The suite does not send there. Its words may be shown, and begin where "the URL" ends."""


class PrivateAddress(Refused):
    """The name leads to an address that is not on the public internet."""

    def __init__(self) -> None:
        super().__init__("leads to a private address")


class UnknownHost(Exception):
    """The name leads nowhere right now."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """What operators allow. `allow_private` is for tests and laptops: it allows plain http and every port as well."""

    allow_private: bool
    allow_http: bool
    ports: frozenset[int]

    @classmethod
    def of(cls, settings: DealsSettings) -> "Destinations":
        return cls(settings.webhook_allow_private, settings.webhook_allow_http, frozenset(settings.webhook_ports))

    def require_allowed(self, url: str) -> None:
        """Look at what the URL says itself. Raises Refused."""
        if self.allow_private:
            return
        parts = urlsplit(url)
        if parts.scheme == "http" and not self.allow_http:
            raise Refused("is not https, which alone is allowed here")
        ports = self.ports | ({80} if self.allow_http else set())
        if port_of(parts) not in ports:
            raise Refused(f"leads to port {port_of(parts)}; allowed here: {', '.join(map(str, sorted(ports)))}")

    async def find_address(self, url: str, look_up: LookUp) -> str:
        """Return one address to connect to.

        Raises PrivateAddress when any of the name's addresses is not public: a name with a public and a private one is
        a trap. Raises Refused, UnknownHost.
        """
        self.require_allowed(url)
        parts = urlsplit(url)
        found = await look_up(parts.hostname or "", port_of(parts))
        if not self.allow_private and not all(is_public(ipaddress.ip_address(address)) for address in found):
            raise PrivateAddress
        return found[0]


async def require_destination(url: str, destinations: Destinations) -> None:
    """Refuse a URL that nothing may be sent to. A name that leads nowhere yet passes: it is looked up again.

    Raises Refused.
    """
    try:
        async with asyncio.timeout(LOOKUP_S):
            await destinations.find_address(url, look_up)
    except (UnknownHost, TimeoutError):
        return


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system's resolver, in the loop's threads."""
    return await asyncio.to_thread(_ask, host, port)


class Names:
    """The same for many deliveries at once: each name is asked for once at a time, in threads of its own.

    A resolver may take half a minute to give up. The loop's own threads are few, and everybody's.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="webhook-dns")
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def look_up(self, host: str, port: int) -> list[str]:
        """Return the addresses of `host`. Raises UnknownHost."""
        key = (host, port)
        lookup = self._under_way.get(key)
        if lookup is None:
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _ask, host, port)
            self._under_way[key] = lookup
            lookup.add_done_callback(lambda done: self._end(key, done))
        await asyncio.wait([lookup])  # which leaves it to the others when this one gives up waiting
        return lookup.result()

    def _end(self, key: tuple[str, int], lookup: "asyncio.Future[list[str]]") -> None:
        del self._under_way[key]
        if not lookup.cancelled():
            lookup.exception()  # looked at, even if nobody waits any more


def _ask(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnknownHost(host) from None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses:
        raise UnknownHost(host)
    return addresses
