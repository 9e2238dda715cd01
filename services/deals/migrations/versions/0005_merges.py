"""Deals that follow a merge."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
