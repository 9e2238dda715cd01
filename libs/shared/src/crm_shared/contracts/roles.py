"""The roles that events and requests name; what each may do is `access.permissions`' to say."""

from enum import StrEnum


class Role(StrEnum):
    ADMIN = "ADMIN"
    MANAGER = "MANAGER"
    REP = "REP"
