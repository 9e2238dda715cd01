"""The compose file, as tests read it."""

from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_shared.service_registry import PUBLISHERS, SERVICES

ROOT: Final = Path(__file__).parents[3]


TEXT: Final = (ROOT / "docker-compose.yml").read_text("utf-8")


COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)


CONTAINERS: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]


DEBEZIUM: Final = ("connect-grants", "connect")


EDGE: Final = ("gateway", "issuer", "canary")


ROLES: Final = {
    f"{service}-{role}": (service, role)
    for service in SERVICES
    for role in ("migrate", "api", "worker", "relay")
    if role != "relay" or service in PUBLISHERS
}
