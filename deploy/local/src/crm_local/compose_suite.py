"""The suite of docker-compose.yml as the demo reaches it: through the gateway, with tokens of the issuer for trials."""

import ssl
from pathlib import Path
from uuid import UUID

import httpx

from crm_local.demo_suites import TOKEN_TTL_S, DemoFailed, run_create_tenant
from crm_local.home import Home

ENVIRONMENT_FILE = Path(".env")
CREATE_TENANT = ("docker", "compose", "exec", "-T", "contacts-api", "/opt/crm/crm-service", "create-tenant")


class ComposeSuite:
    """What `deploy/compose/prepare --trial-issuer` has prepared. Raises DemoFailed where it has not."""

    advice = "docker compose ps, docker compose logs"

    def __init__(self, folder: Path) -> None:
        environment = _read_environment(folder / ENVIRONMENT_FILE)
        issuer = environment.get("CRM_AUTH_ISSUER", "")
        if not issuer.endswith("/issuer") or "CRM_SECRETS" not in environment:
            raise DemoFailed("these containers have no issuer for trials: deploy/compose/prepare --trial-issuer")
        secrets = folder / environment["CRM_SECRETS"]
        self.home = Home(secrets)
        self._issuer_url = issuer
        self._gateway_url = issuer.removesuffix("/issuer")
        self.reports = f"{self.api_url('reporting')}/v1/reports/forecast"
        self._secret = (secrets / "issuer_secret").read_text().strip()
        self.verify = ssl.create_default_context()
        self.verify.load_verify_locations(secrets / "tls_certificate")

    def api_url(self, service: str) -> str:
        return f"{self._gateway_url}/{service}"

    def token(self, tenant_id: UUID, user_id: UUID) -> str:
        form = {
            "grant_type": "client_credentials",
            "tenant_id": str(tenant_id),
            "user_id": str(user_id),
            "ttl": f"{TOKEN_TTL_S}s",
        }
        url = f"{self._issuer_url}/token"
        answer = httpx.post(url, data=form, auth=httpx.BasicAuth("crm", self._secret), verify=self.verify)
        if answer.is_error:
            raise DemoFailed(f"POST {url}: {answer.status_code} {answer.text}")
        return str(answer.json()["access_token"])

    def create_tenant(self, *arguments: str) -> dict[str, str]:
        return run_create_tenant([*CREATE_TENANT, *arguments])


def _read_environment(file: Path) -> dict[str, str]:
    """Read `NAME=value` lines as docker compose does where nothing is quoted, as prepare writes them."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        raise DemoFailed(f"there is no {file}: deploy/compose/prepare --trial-issuer") from None
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
