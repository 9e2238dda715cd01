"""Times how long a change takes until each of several places shows it, asked at the same time."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from crm_local.demo_suites import DemoFailed, DemoSuite
from crm_local.demo_tenant import DemoClient

SEEN_WITHIN_S = 30.0
POLL_S = 0.005

IsThere = Callable[[DemoClient], bool]


def say_arrivals(
    suite: DemoSuite, token: str, places: Mapping[str, IsThere], began_s: float, say: Callable[[str], None]
) -> None:
    """Say for each place, by name, the milliseconds from `began_s` until its check holds. Raises DemoFailed."""
    with ThreadPoolExecutor(len(places)) as pool:
        # A client each: they ask at the same time.
        clients = [DemoClient(suite, token) for _ in places]
        arrivals = pool.map(lambda client, there: _time_arrival(client, there, began_s), clients, places.values())
        for place, arrived_ms in zip(places, arrivals, strict=True):
            say(f"  {place:<9} {arrived_ms:6.0f} ms")


def _time_arrival(client: DemoClient, is_there: IsThere, began_s: float) -> float:
    while not is_there(client):
        if time.monotonic() - began_s > SEEN_WITHIN_S:
            raise DemoFailed(f"the change was not seen everywhere within {SEEN_WITHIN_S:.0f} s: {client.suite.advice}")
        time.sleep(POLL_S)
    return (time.monotonic() - began_s) * 1000
