"""Which databases each entry point of a service is told of: what it uses, and no other."""

from collections.abc import Mapping, Sequence
from typing import Final

from crm_shared.service_registry import find_service

DSNS: Final[Mapping[str, Sequence[str]]] = {
    "api": ("dsn",),
    "worker": ("worker_dsn",),
    "relay": ("worker_dsn",),
    "republish": ("worker_dsn",),
    "migrate": ("owner_dsn",),
    # It sets the passwords of the three roles to those that their DSNs have.
    "provision": ("admin_dsn", "dsn", "worker_dsn", "owner_dsn"),
    "redrive": (),
    "restored": ("worker_dsn",),
    "repair": ("worker_dsn",),
    "recount": ("worker_dsn",),
    "verify": ("worker_dsn",),
    "rebuild": ("worker_dsn",),
    "why": ("worker_dsn",),
    "acls": (),
    "create-tenant": ("dsn",),
    "bi": ("admin_dsn", "dsn"),
}


def list_dsns(service: str, entry_point: str) -> Sequence[str]:
    """Return the settings that hold the DSNs which `entry_point` uses. Raises KeyError for one that is not there."""
    owners = ("owner_dsn",) if entry_point == "worker" and find_service(service).indexes_custom_fields else ()
    return (*DSNS[entry_point], *owners)


def dsn_variable(service: str, dsn: str) -> str:
    """Name the variable of a service's DSN: `CRM_DEALS_WORKER_DSN`; an administrator's is the same for all."""
    return f"CRM_{dsn.upper()}" if dsn == "admin_dsn" else f"CRM_{service.upper()}_{dsn.upper()}"
