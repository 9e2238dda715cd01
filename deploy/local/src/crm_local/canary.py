"""The canary of `crm up --canary`, as a process of its own: makes its tenant once, and keeps its token fresh.

`python -m crm_local.canary`; what it moves and times is crm_canary's, as in containers.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final
from uuid import UUID

from crm_canary.cli import app
from crm_local.home import Home, write_private
from crm_local.issuer import ExternalIssuer, issue
from crm_local.plan import CANARY_TOKEN, Plan

TOKEN_TTL_S: Final = 3600
RENEW_EVERY_S: Final = TOKEN_TTL_S / 3
ARGUMENTS: Final = ("--name", "Canary", "--admin-email", "canary@crm-local.example")


class NoTenant(Exception):
    """The canary's tenant could not be made. The message is the command's own."""


def find_tenant(plan: Plan) -> tuple[UUID, UUID]:
    """Return the canary's tenant and its ADMIN, made at the first time. Raises NoTenant."""
    note = plan.home.path / "canary-tenant.json"
    if not note.exists():
        made = subprocess.run(  # noqa: S603 - the plan's own command
            plan.service_command("contacts", "create-tenant", *ARGUMENTS),
            env=plan.service_environment("contacts", "create-tenant"),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise NoTenant(made.stderr.strip())
        write_private(note, made.stdout)
    ids = json.loads(note.read_text())
    return UUID(ids["tenant_id"]), UUID(ids["admin_id"])


def write_token(home: Home, tenant_id: UUID, user_id: UUID) -> Path:
    """Write a new token in the last one's place; return where. Raises ExternalIssuer."""
    file = home.secrets / CANARY_TOKEN
    write_private(file, issue(home, tenant_id=tenant_id, user_id=user_id, ttl_s=TOKEN_TTL_S))
    return file


def keep_fresh(home: Home, tenant_id: UUID, user_id: UUID) -> None:
    """Write one long before the last one ends, for ever."""
    while True:
        time.sleep(RENEW_EVERY_S)
        write_token(home, tenant_id, user_id)


def main() -> None:
    home = Home.from_environment()
    try:
        tenant_id, user_id = find_tenant(Plan(home, home.port_base()))
        write_token(home, tenant_id, user_id)
    except (NoTenant, ExternalIssuer) as error:
        sys.exit(f"the canary has no tenant or token: {error}")
    threading.Thread(target=keep_fresh, args=(home, tenant_id, user_id), daemon=True).start()
    app(["serve"])


if __name__ == "__main__":
    main()
