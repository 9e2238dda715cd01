"""What the demo needs of a suite, however it runs: addresses, tokens, a tenant, and where to note what it made."""

import json
import ssl
import subprocess
from typing import Protocol
from uuid import UUID

from crm_local.home import Home
from crm_local.issuer import issue
from crm_local.plan import Plan

TOKEN_TTL_S = 3600


class DemoFailed(Exception):
    """An API answered otherwise than the demo needs. The message holds its answer."""


class DemoSuite(Protocol):
    """A running suite, and where the demo notes what it made there."""

    home: Home
    advice: str
    """Which commands tell more when something is late."""
    reports: str
    """How reports of it are had."""

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """How its certificates are checked."""
        ...

    def api_url(self, service: str) -> str:
        """Return where a service's paths (/v1/…) begin."""
        ...

    def token(self, tenant_id: UUID, user_id: UUID) -> str:
        """Return a token of its issuer."""
        ...

    def create_tenant(self, *arguments: str) -> dict[str, str]:
        """Run `crm-contacts create-tenant` with `arguments`. Returns tenant_id and admin_id; raises DemoFailed."""
        ...


class LocalSuite:
    """The suite of `crm up`."""

    verify = True
    advice = "crm status, crm logs"
    reports = "./crm report --help"

    def __init__(self, plan: Plan) -> None:
        self.home = plan.home
        self._plan = plan

    def api_url(self, service: str) -> str:
        return self._plan.api_url(service)

    def token(self, tenant_id: UUID, user_id: UUID) -> str:
        return issue(self.home, tenant_id=tenant_id, user_id=user_id, ttl_s=TOKEN_TTL_S)

    def create_tenant(self, *arguments: str) -> dict[str, str]:
        command = self._plan.service_command("contacts", "create-tenant", *arguments)
        return run_create_tenant(command, self._plan.service_environment("contacts", "create-tenant"))


def run_create_tenant(command: list[str], environment: dict[str, str] | None = None) -> dict[str, str]:
    """Run a command that ends in create-tenant. Returns the ids that it prints; raises DemoFailed."""
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode != 0:
        raise DemoFailed(f"crm-contacts create-tenant: {made.stderr.strip()}")
    ids: dict[str, str] = json.loads(made.stdout)
    return ids
