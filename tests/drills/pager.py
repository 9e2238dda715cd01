"""The way out that a site gives Alertmanager's receivers: it takes what would wake somebody, and keeps the hour."""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from crm_local.engines.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert of a notification. `receiver` is the name that Alertmanager's configuration has for it."""

    at_s: float
    receiver: str
    alert: str
    status: str


class Pager:
    """`notifications` grows while it runs, in the order of arrival."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.port = 0

    def take(self, receiver: str, body: bytes) -> None:
        now_s = time.monotonic()
        self.notifications += [
            Notification(now_s, receiver, alert["labels"]["alertname"], alert["status"])
            for alert in json.loads(body)["alerts"]
        ]

    def first(self, alert: str, *, since_s: float) -> float | None:
        """Return when somebody was told of `alert` first, on the monotonic clock; None if nobody was."""
        found = (
            one.at_s
            for one in self.notifications
            if one.alert == alert and one.status == "firing" and one.at_s >= since_s
        )
        return next(found, None)

    def pages(self, *, since_s: float, until_s: float = math.inf) -> set[str]:
        """Return what somebody was woken for in that time."""
        return {
            one.alert
            for one in self.notifications
            if one.receiver == "pages" and one.status == "firing" and since_s <= one.at_s < until_s
        }


@contextmanager
def taking_calls() -> Iterator[Pager]:
    pager = Pager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pager.take(self.path.strip("/"), self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: what was told is in the table."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        pager.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, name="pager")
        thread.start()
        try:
            yield pager
        finally:
            server.shutdown()
            thread.join()
