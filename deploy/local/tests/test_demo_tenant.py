"""The demo tenant is made once, and again where the suite has lost it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from crm_local.demo_suites import DemoFailed
from crm_local.demo_tenant import DemoTenant, ensure_tenant, read_known, remember
from crm_local.home import Home

SOME = UUID(int=1)


class AnsweringSuite:
    """A suite whose every path answers one status, and in which no tenant can be made."""

    verify = True
    advice = reports = ""

    def __init__(self, home: Home, url: str) -> None:
        self.home = home
        self._url = url

    def api_url(self, service: str) -> str:
        return f"{self._url}/{service}"

    def token(self, tenant_id: UUID, user_id: UUID) -> str:
        return f"{tenant_id}.{user_id}"

    def create_tenant(self, *_: str) -> dict[str, str]:
        raise DemoFailed("made anew")


@contextmanager
def suite_that_answers(status: int, folder: Path) -> Iterator[AnsweringSuite]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield AnsweringSuite(Home(folder), f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def test_a_tenant_that_is_gone_with_its_volumes_is_made_anew(tmp_path: Path) -> None:
    with suite_that_answers(401, tmp_path) as suite:
        remember(suite.home, **{name: str(SOME) for name in ("tenant_id", "admin_id", "rep_id", "deal_id")})
        with pytest.raises(DemoFailed, match="made anew"):
            ensure_tenant(suite)
        assert read_known(suite.home) == {}


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_tenant_that_is_there_or_can_not_be_asked_for_now_is_kept(tmp_path: Path, status: int) -> None:
    with suite_that_answers(status, tmp_path) as suite:
        known = remember(suite.home, **{name: str(SOME) for name in ("tenant_id", "admin_id", "rep_id", "deal_id")})
        assert ensure_tenant(suite) == DemoTenant(SOME, SOME, SOME, SOME, token=f"{SOME}.{SOME}")
        assert read_known(suite.home) == known
