"""Serves an application with uvicorn on uvloop: the one place that knows the server."""

import uvicorn
from starlette.types import ASGIApp

from crm_shared.settings import ServiceSettings


def make_server(app: ASGIApp, settings: ServiceSettings) -> uvicorn.Server:
    """Configure a server; `run()` blocks until SIGTERM or SIGINT, and lets running requests finish first."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            loop="uvloop",
            http="httptools",
            proxy_headers=False,  # nothing here asks for the client's address
            access_log=False,  # one line a request costs more than the request; the metrics count them
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=75,
            backlog=2048,
        )
    )
