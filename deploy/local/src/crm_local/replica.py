"""The suite's standby that reports read: how far it is behind, and what is left of one that is no longer wanted."""

import shutil
from typing import Final

from crm_local.engines.postgres_standby import PostgresStandby, forget_standby
from crm_local.plan import Plan

FIND_WRITTEN: Final = "SELECT pg_current_wal_lsn()::text"
FIND_LAG: Final = """
    SELECT (%s::pg_lsn - pg_last_wal_replay_lsn())::bigint, extract(epoch FROM now() - pg_last_xact_replay_timestamp())
     WHERE pg_is_in_recovery()
"""


def describe_lag(plan: Plan) -> str:
    """Say how far the replica is behind, for whoever looks at the suite; why not, where it can't be asked."""
    import psycopg  # noqa: PLC0415 - 0.2 s: not for a suite without a replica

    if plan.replica is None:
        return ""
    try:
        with (
            psycopg.connect(plan.postgres.admin_dsn, connect_timeout=2) as primary,
            psycopg.connect(plan.replica.admin_dsn, connect_timeout=2) as standby,
        ):
            written = primary.execute(FIND_WRITTEN).fetchone()
            lag = standby.execute(FIND_LAG, written).fetchone()  # none of one that was promoted: it replays no more
    except (psycopg.OperationalError, FileNotFoundError):
        return "does not answer: reports read the primary"
    if lag is None or lag[0] is None:
        return "follows nobody: reports read the primary"
    behind = max(int(lag[0]), 0)
    # Of a primary that writes nothing the last change is old, and the replica is not.
    return f"{behind} bytes behind" + (f", its last change {lag[1]:.1f} s old" if behind and lag[1] else "")


def forget_former_replica(plan: Plan) -> None:
    """Remove the data of a replica that this suite had, and have the primary keep no WAL for it."""
    former = plan.home.data / PostgresStandby.name
    if plan.replica is None and former.exists():
        forget_standby(plan.postgres)
        shutil.rmtree(former)
