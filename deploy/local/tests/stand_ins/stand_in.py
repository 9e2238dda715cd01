"""A service that does nothing but answer /readyz, so that the runner is tested without the five services."""

import json
import os
import signal
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import uuid4


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def main(service: str) -> None:
    """Be `crm-<service> <argument>`: a migration of an outbox alone, a tenant made of nothing, or a server."""
    if sys.argv[1] == "migrate":
        # Each start of the suite starts thirteen that only answer: loading these would cost more than all else they do.
        import psycopg  # noqa: PLC0415

        from crm_shared.outbox import OUTBOX_DDL  # noqa: PLC0415

        dsn = os.environ[f"CRM_{service.upper()}_OWNER_DSN"]
        with psycopg.connect(dsn) as connection, suppress(psycopg.errors.DuplicateTable):
            connection.execute(OUTBOX_DDL)
        sys.stdout.write(f"migrated {service} at {dsn}\n")
    elif sys.argv[1] == "restored":
        fails_once = Path(os.environ["CRM_HOME"]) / "fails-once"
        if fails_once.exists():
            fails_once.unlink()
            sys.exit("stand-in: as it was told to")
        sys.stdout.write(f"{service} {' '.join(sys.argv[1:])}\n")
    elif sys.argv[1] == "create-tenant":
        sys.stdout.write(json.dumps({"tenant_id": str(uuid4()), "admin_id": str(uuid4()), "said": sys.argv[2:]}))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        HTTPServer((os.environ["CRM_HTTP_HOST"], int(os.environ["CRM_HTTP_PORT"])), Ready).serve_forever()
