"""A streaming standby of the engines: it follows, comes back after a crash, and is copied anew where it was lost."""

from collections.abc import Iterator

import psycopg
import pytest

from crm_local.engines import Postgres, PostgresStandby
from crm_local.engines.native import streaming_pair
from crm_local.engines.postgres_standby import SLOT, forget_standby
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Postgres, PostgresStandby]]:
    with streaming_pair() as pair:
        yield pair


def ask(server: Postgres, question: str) -> object:
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
        return None if row is None else row[0]


def do(server: Postgres, statement: str) -> None:
    with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
        connection.execute(statement)


async def wait_for(standby: PostgresStandby, name: str) -> None:
    async def is_there() -> bool:
        return bool(ask(standby, f"SELECT to_regclass('{name}') IS NOT NULL"))

    await wait_until(is_there)


async def test_what_is_written_arrives_and_nothing_can_be_written_there(pair: tuple[Postgres, PostgresStandby]) -> None:
    primary, standby = pair
    do(primary, "CREATE TABLE followed AS SELECT 1 AS id")
    await wait_for(standby, "followed")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        do(standby, "CREATE TABLE refused AS SELECT 1 AS id")
    # The copy's own way in, which may stream and nothing else.
    assert ask(primary, "SELECT rolreplication AND NOT rolsuper FROM pg_roles WHERE rolname = 'crm_replication'")


async def test_after_a_crash_it_goes_on_with_what_was_written_meanwhile(pair: tuple[Postgres, PostgresStandby]) -> None:
    primary, standby = pair
    standby.kill()
    do(primary, "CREATE TABLE written_meanwhile AS SELECT 1 AS id")
    standby.start().wait_ready()
    await wait_for(standby, "written_meanwhile")


async def test_one_that_the_primary_keeps_nothing_for_is_copied_anew(pair: tuple[Postgres, PostgresStandby]) -> None:
    primary, standby = pair
    standby.stop()
    forget_standby(primary)
    assert ask(primary, "SELECT count(*) FROM pg_replication_slots") == 0
    do(primary, "CREATE TABLE before_the_copy AS SELECT 1 AS id")
    standby.start().wait_ready()
    assert ask(standby, "SELECT to_regclass('before_the_copy') IS NOT NULL")
    assert ask(primary, "SELECT slot_name FROM pg_replication_slots") == SLOT
    do(primary, "CREATE TABLE after_the_copy AS SELECT 1 AS id")
    await wait_for(standby, "after_the_copy")


def test_it_starts_without_its_primary(pair: tuple[Postgres, PostgresStandby]) -> None:
    primary, standby = pair
    standby.stop()
    primary.stop()
    try:
        standby.start().wait_ready()
        assert ask(standby, "SELECT pg_is_in_recovery()")
    finally:
        primary.start().wait_ready()
