"""Which databases each entry point of a service is told of: what it uses, and no other."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from crm_shared.service_registry import find_service

MAX_PORT: Final = 65535
RESERVED: Final = "/ ? # [ ] are written as %2F %3F %23 %5B %5D"

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


def explain_wrong_dsn(dsn: str) -> str | None:
    """Say why a DSN leads to no database, in none of its words, which may be a password's; None if it may lead there.

    Several hosts may stand in it, separated by commas; and none, where `?host=` names a socket's folder.
    """
    try:
        parts = urlsplit(dsn)
    except ValueError:  # its words quote the DSN
        return f"it is no URL; in a password, {RESERVED}"
    if parts.scheme not in {"postgresql", "postgres"}:
        return "it begins neither with postgresql:// nor with postgres://"
    for place in parts.netloc.rpartition("@")[2].split(","):
        _, colon, port = place.rpartition("]")[2].rpartition(":")
        if colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
            return f"a port is no number from 1 to {MAX_PORT}; in a password, {RESERVED}"
    return None


def list_dsns(service: str, entry_point: str) -> Sequence[str]:
    """Return the settings that hold the DSNs which `entry_point` uses. Raises KeyError for one that is not there."""
    owners = ("owner_dsn",) if entry_point == "worker" and find_service(service).indexes_custom_fields else ()
    return (*DSNS[entry_point], *owners)


def dsn_variable(service: str, dsn: str) -> str:
    """Name the variable of a service's DSN: `CRM_DEALS_WORKER_DSN`; an administrator's is the same for all."""
    return f"CRM_{dsn.upper()}" if dsn == "admin_dsn" else f"CRM_{service.upper()}_{dsn.upper()}"
