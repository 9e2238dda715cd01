"""Backups of a real PostgreSQL: whole or not there, brought forward to a moment, and the log that this needs."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from crm_local.backups import archive, catalogue, choosing, swapping, taking
from crm_local.backups.locks import Busy, locked
from crm_local.backups.programs import ProgramFailed, find_program, pipe_programs, to_environment
from crm_local.backups.recovered import NotReached, RecoveredPostgres, discard_left
from crm_local.backups.sizes import NoSpace, require_space
from crm_local.engines import Postgres
from crm_local.home import Home
from crm_local.plan import Plan
from crm_testing.suite.running import find_port_base

pytestmark = pytest.mark.engines
TAKE = "import sys; from pathlib import Path; from crm_local.backups import taking; from crm_local.home import Home; "
TAKE += "from crm_local.plan import Plan; home = Home(Path(sys.argv[1])); "
TAKE += "taking.take_backup(Plan(home, int(sys.argv[2])), Path(sys.argv[3]), print)"


@pytest.fixture(scope="module")
def plan() -> Iterator[Plan]:
    home = Home(Path(tempfile.mkdtemp(prefix="crm-local-test-")) / "crm")
    home.path.parent.chmod(0o755)  # the engines' account has to pass through
    home.make()
    plan = Plan(home, find_port_base())
    # What is said to be on the disk is not looked at here.
    plan.postgres = Postgres(plan.postgres.home, plan.postgres.port, {"fsync": "off"}, archive=plan.log_archive)
    plan.postgres.start().wait_ready()
    yield plan
    plan.postgres.kill()
    shutil.rmtree(home.path.parent)


def ask(dsn: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements; return what the last one gives."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def in_database(plan: Plan, name: str) -> str:
    return plan.postgres.admin_dsn.rpartition("/")[0] + f"/{name}"


def take(plan: Plan, folder: Path) -> catalogue.Backup:
    return taking.take_backup(plan, folder, lambda _: None)


def recover(plan: Plan, backup: catalogue.Backup, moment: datetime | None) -> RecoveredPostgres:
    return RecoveredPostgres(plan.home.data / "side", backup, plan.log_archive, moment)


def test_one_database_goes_back_to_a_moment_and_what_it_replaces_is_kept(plan: Plan, engine_home: Path) -> None:
    admin, live, folder = plan.postgres.admin_dsn, in_database(plan, "crm_deals"), engine_home / "backups"
    ask(admin, "CREATE ROLE deals_owner", "CREATE ROLE gone", "CREATE ROLE deals_app", "CREATE DATABASE crm_deals")
    ask(admin, "GRANT CONNECT ON DATABASE crm_deals TO deals_app", "REVOKE ALL ON DATABASE crm_deals FROM PUBLIC")
    ask(live, "CREATE TABLE notes AS SELECT 1 AS id", "GRANT SELECT ON notes TO gone")
    backup = take(plan, folder)
    assert catalogue.list_backups(folder) == [backup]
    ask(live, "INSERT INTO notes VALUES (2)")
    [(moment,)] = ask(live, "SELECT clock_timestamp()")
    assert isinstance(moment, datetime)
    ask(live, "DROP TABLE notes")
    ask(admin, "DROP ROLE gone")
    chosen = choosing.choose(plan, ["deals"], to_time=moment.isoformat(), backup=None, place=folder)
    assert chosen.backup == str(backup.folder)

    archive.flush(plan)
    side = recover(plan, backup, moment)
    try:
        last = side.recover()
        assert last is not None
        assert backup.begun_at < last <= moment
        filled = swapping.make_empty(admin, side.dsn_of("crm_deals"), "deals")
        with locked(folder / ".lock", refusal="") as lock:
            pipe_programs(
                [find_program("pg_dump"), "--format=custom"],
                [find_program("pg_restore"), "--exit-on-error", f"--dbname={filled}"],
                source_environment=to_environment(side.dsn_of("crm_deals")),
                sink_environment=to_environment(admin),
                lock=lock,
            )
    finally:
        side.discard()
    assert not swapping.is_swapped(admin, ["deals"], "stamp")
    with psycopg.connect(live):  # somebody who looks is sent away
        swapping.swap(admin, ["deals"], "stamp")
    assert swapping.is_swapped(admin, ["deals"], "stamp")

    assert ask(live, "SELECT id FROM notes ORDER BY id") == [(1,), (2,)]
    assert ask(live, "SELECT has_database_privilege('deals_app', 'crm_deals', 'CONNECT')") == [(True,)]
    assert ask(live, "SELECT has_database_privilege('public', 'crm_deals', 'CONNECT')") == [(False,)]
    assert ask(live, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'gone'") == [(False,)]
    assert list(swapping.list_kept(admin)) == ["crm_deals_replaced_stamp"]
    assert not swapping.drop_kept(admin, "crm_deals")
    assert swapping.drop_kept(admin, "crm_deals_replaced_stamp")
    assert swapping.list_kept(admin) == {}


def test_what_the_log_does_not_reach_is_said(plan: Plan, engine_home: Path) -> None:
    backup = take(plan, engine_home / "backups")
    ask(plan.postgres.admin_dsn, "CREATE TABLE notes AS SELECT 1 AS id")
    archive.flush(plan)
    side = recover(plan, backup, datetime.now(UTC) + timedelta(hours=1))
    try:
        with pytest.raises(NotReached, match="does not go so far: its last transaction is of 20"):
            side.recover()
    finally:
        side.discard()
    # Left by a restore that was killed, a server on the side is ended by the next.
    killed = recover(plan, backup, None)
    killed.recover()
    discard_left(killed.home)
    assert killed.exit_status is not None
    assert not killed.home.exists()
    plan.log_archive.joinpath(backup.first_segment).unlink()
    with pytest.raises(choosing.CannotRestore, match="is not kept: without --to-time"):
        choosing.choose(plan, [], to_time=datetime.now(UTC).isoformat(), backup=None, place=engine_home / "backups")


def test_only_what_is_whole_is_a_backup(plan: Plan, engine_home: Path) -> None:
    folder = engine_home / "backups"
    first = take(plan, folder)
    # Killed as soon as it has begun to copy: what it started goes on, and the next one is refused until that has ended.
    command = [sys.executable, "-c", TAKE, str(plan.home.path), str(plan.port_base), str(folder)]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    while not any(folder.glob(f"{catalogue.UNFINISHED}*")):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert catalogue.list_backups(folder) == [first]
    deadline = time.monotonic() + 60
    while True:
        try:
            second = take(plan, folder)
        except Busy:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            break
    assert catalogue.list_backups(folder) == [first, second]
    assert [path.name for path in folder.iterdir() if path.name.startswith(catalogue.UNFINISHED)] == []

    # One byte of it changed is seen before anything is restored from it.
    (second.files / "PG_VERSION").write_text("17\n")
    with locked(folder / ".lock", refusal="") as lock, pytest.raises(ProgramFailed, match="checksum mismatch"):
        taking.verify(second.files, lock)
    with locked(folder / ".lock", refusal="busy"), pytest.raises(Busy):
        take(plan, folder)

    removed, pieces = taking.keep_newest(plan, folder, 1)
    assert (removed, pieces >= 1) == (1, True)
    assert archive.list_segments(plan.log_archive)[:1] in ([], [second.first_segment])
    taking.drop_backup(plan, second)
    assert catalogue.list_backups(folder) == []
    assert not plan.log_archive.exists()
    ask(plan.postgres.admin_dsn, "SELECT pg_switch_wal()")
    assert not plan.log_archive.exists()


def test_a_gap_in_the_log_ends_what_can_be_replayed(tmp_path: Path) -> None:
    for name in ("0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000"):
        (tmp_path / name).touch()
    (tmp_path / "000000010000000100000002").touch()
    (tmp_path / ".000000010000000100000001").touch()
    assert archive.find_reach(tmp_path, "0000000100000000000000FE") == "000000010000000100000000"
    assert archive.find_reach(tmp_path, "000000010000000100000001") is None
    assert catalogue.to_segment(1, "1/2000028") == "000000010000000100000002"


def test_a_disk_without_room_is_refused_ahead(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="must be left"):
        require_space(tmp_path, 1 << 60, "a backup")
