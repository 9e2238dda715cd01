"""Runs a service's migrations: Alembic, SQL written out, forward only.

An advisory lock lets many replicas start at once; the first migrates, the others wait and find nothing to do.
"""

from pathlib import Path
from typing import Final

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_exponential

from crm_shared.database.grants import grant, read_grants

logger = structlog.get_logger(__name__)
LOCK_KEY = 0x43524D  # "CRM": one lock per database, so the same number does for every service
NEWEST: Final = "head"
LOCK_TIMEOUT: Final = "3s"
"""How long a statement waits for a table that others use: everybody who comes later waits behind it. Then `migrate`
tries again, from the migration that it was at."""


def _configure(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic_environment"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    return config


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_delay(60),
    wait=wait_exponential(0.2, max=3),
    reraise=True,
)
def migrate(owner_dsn: str, versions: Path, *, until: str = NEWEST) -> str:
    """Bring the database to the newest revision and return that. Waits up to a minute for PostgreSQL.

    Beside the folder `versions` lies `grants.toml`, which says what the other two roles may do with its tables. With
    an earlier revision as `until` they get no rights: the table speaks of the newest.

    Raises sqlalchemy.exc.OperationalError when it does not come, FileNotFoundError when `versions` is no folder or has
    no `grants.toml` beside it, WrongGrants when that speaks of other tables.
    """
    if not versions.is_dir():
        raise FileNotFoundError(f"no migrations at {versions}")
    grants = read_grants(versions.parent / "grants.toml")
    config = _configure(versions)
    engine = create_engine(make_url(owner_dsn).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as guard, engine.connect() as connection:
            guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            # The lock is the session's. Its statement's snapshot must go: CREATE INDEX CONCURRENTLY would wait for it.
            guard.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, until)
            if until == NEWEST:
                grant(connection, grants)
            connection.commit()
    finally:
        engine.dispose()
    head = ScriptDirectory.from_config(config).get_current_head() or "none"
    logger.info("migrated", revision=head)
    return head
