"""Debezium's connectors as deploy/debezium has them for production, filled in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEPLOYED: Final = Path(__file__).parents[3] / "debezium"


def fill(file: str, variables: Mapping[str, str]) -> str:
    """Return a deployed file with its variables replaced, as envsubst does."""
    text = (DEPLOYED / file).read_text("utf-8")
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def make_connector(service: str, *, host: str, port: int, database: str, secrets: Path) -> dict[str, str]:
    """Return the connector's properties. `secrets` holds the file `<service>_cdc_password`."""
    variables = {
        "CRM_SERVICE": service,
        "CRM_DATABASE_HOST": host,
        "CRM_DATABASE_PORT": str(port),
        "CRM_DATABASE_NAME": database,
        "CRM_CDC_SECRETS": str(secrets),
    }
    connector: dict[str, str] = json.loads(fill("outbox-connector.json", variables))
    return connector


def role_of(service: str) -> str:
    return f"{service}_cdc"


def password_file_of(service: str) -> str:
    return f"{role_of(service)}_password"


def heartbeat_topic_of(service: str) -> str:
    return f"__debezium-heartbeat.crm-{service}"
