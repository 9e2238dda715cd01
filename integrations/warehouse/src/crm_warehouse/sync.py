"""Brings a dataset up to reporting's database: what waits from before, what changed, what is there no more."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

from crm_warehouse.access import READS
from crm_warehouse.cursor import EVERY_TENANT, STATE_KEY, Cursor, digest_star
from crm_warehouse.destinations import SCHEMA_NAME, WHOLE_FILES, make_pipeline
from crm_warehouse.differences import find_differing_keys, find_differing_tenants
from crm_warehouse.packages import make_package
from crm_warehouse.settings import WarehouseSettings
from crm_warehouse.source import statements
from crm_warehouse.source.rates import KnownRates, compare_rates
from crm_warehouse.source.snapshot import Snapshot
from crm_warehouse.source.spool import SpooledRows
from crm_warehouse.star import TABLES, UNITS, StarTable

Say = Callable[[str], None]
PARTLY_READ: Final = "[0-9a-f]" * 16
"""How dlt names the folder of rows that it is reading: it moves them on when all are there."""
TRANSACTIONS: Final = 2**32
"""A row keeps the lower half of its transaction's number: further back than this nobody can tell."""


class SyncRefused(Exception):
    """Going on would bring wrong rows, or is somebody else's turn. Says what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows sent by table, those that said a key is gone included, and how long it all took."""

    rows: Mapping[str, int]
    seconds: float

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def sync(settings: WarehouseSettings, *, tenant: UUID | None, full: bool, say: Say) -> Summary:
    """Bring the dataset up to date. `full`: every row anew. Raises SyncRefused, PipelineStepFailed, psycopg.Error."""
    began = time.monotonic()
    with _alone(settings), ExitStack() as files:
        pipeline = make_pipeline(settings)
        _finish_what_waits(pipeline, say)
        run = _Run(settings, pipeline, str(tenant) if tenant is not None else None, files, say)
        sent = run.bring_changes(full=full)
        if settings.destination != WHOLE_FILES:
            sent = _add(sent, run.bring_losses())
    return Summary(sent, time.monotonic() - began)


@contextmanager
def _alone(settings: WarehouseSettings) -> Iterator[None]:
    """Hold the work directory: two at once would take each other's packages. A killed process lets go of it."""
    settings.work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.work_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SyncRefused(f"another sync works in {settings.work_dir}: wait for it") from None
        yield


def _finish_what_waits(pipeline: Pipeline, say: Say) -> None:
    """Load what an interrupted sync had read whole; what it had read in part is thrown away and read again."""
    pipeline.activate()
    for folder in (Path(pipeline.working_dir) / "normalize").glob(PARTLY_READ):
        shutil.rmtree(folder)
    if pipeline.has_pending_data:
        say("finishing what was interrupted")
        pipeline.run()
    pipeline.sync_destination()


def _add(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


class _Run:
    """One sync of one dataset. `files` closes what was spooled."""

    def __init__(
        self, settings: WarehouseSettings, pipeline: Pipeline, tenant: str | None, files: ExitStack, say: Say
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._tenant = tenant
        self._files = files
        self._say = say
        self._counts: Mapping[StarTable, Mapping[str, int]] = {}

    def bring_changes(self, *, full: bool) -> Mapping[str, int]:
        before = self._read_cursor()
        with Snapshot.opened(self._settings.dsn.get_secret_value(), self._tenant) as snapshot:
            if unseen := snapshot.list_unseen(READS):
                raise SyncRefused(
                    f"this role is shown nothing of {', '.join(unseen)}, which would look as if all were deleted:"
                    " grant anew with `crm-warehouse access --keep-password`"
                )
            is_whole = full or before is None or not self._can_go_on(before, snapshot)
            known = KnownRates() if before is None or is_whole else before.rates
            rates, rerated = compare_rates(snapshot, known)
            since = 0 if before is None else before.since
            snapshot.parameters |= {"since": since, **rerated.to_parameters()}
            self._counts = {table: _count(snapshot, table) for table in TABLES}
            totals = {table.name: sum(counts.values()) for table, counts in self._counts.items()}
            if is_whole:
                rows = self._spool(snapshot, {table: statements.select_all(table) for table in TABLES})
            elif self._settings.destination == WHOLE_FILES and before is not None:
                rows = self._spool(snapshot, _select_changed_tables(snapshot, before, totals))
            else:
                rows = self._spool(snapshot, _select_changes())
            counts = totals if self._settings.destination == WHOLE_FILES else {}
            after = Cursor(
                self._tenant or EVERY_TENANT,
                snapshot.database,
                max(snapshot.horizon, 0 if is_whole else since),
                digest_star(),
                rates,
                counts,
            )
        is_replaced = is_whole or self._settings.destination == WHOLE_FILES
        if not is_replaced:
            rows = {table: spooled for table, spooled in rows.items() if spooled.count}
        return self._send(rows, after, whole=is_replaced, with_dates=is_whole)

    def bring_losses(self) -> Mapping[str, int]:
        """Send anew the keys that the destination has other rows of: those deleted from the database, above all."""
        differing = find_differing_tenants(self._pipeline, self._counts)
        if not differing:
            return {}
        with Snapshot.opened(self._settings.dsn.get_secret_value(), self._tenant) as snapshot:
            rows: dict[StarTable, SpooledRows] = {}
            for table, tenants in differing.items():
                keys = find_differing_keys(self._pipeline, snapshot, table, tenants)
                selected = statements.select_by_key(table, statements.select_named(table.unit))
                arrays: dict[str, Any] = {
                    f"keys_{place}": [key[place] for key in keys] for place in range(len(table.unit.keys))
                }
                rows[table] = self._keep(snapshot.spool(selected, **arrays))
        return self._send(rows, None, whole=False, with_dates=False)

    def _read_cursor(self) -> Cursor | None:
        state = self._pipeline.state.get("sources", {}).get(SCHEMA_NAME, {}).get(STATE_KEY)
        if state is None:
            return None
        cursor = Cursor.from_state(state)
        scope = self._tenant or EVERY_TENANT
        if cursor.scope != scope:
            held = "all tenants" if cursor.scope == EVERY_TENANT else f"tenant {cursor.scope}"
            raise SyncRefused(f"dataset {self._settings.dataset} holds {held}: name another one with --dataset")
        return cursor

    def _can_go_on(self, before: Cursor, snapshot: Snapshot) -> bool:
        if before.star != digest_star():
            self._say("the tables have another form than the last time: bringing every row anew")
            return False
        if before.database != snapshot.database:
            self._say("another database or history than the last time: bringing every row anew")
            return False
        if snapshot.end < before.since:
            raise SyncRefused(
                "this database is behind the one that was read last (a replica that lags?): try again later,"
                " or --full to take it as it is"
            )
        return bool(snapshot.end - before.since < TRANSACTIONS)

    def _spool(self, snapshot: Snapshot, selected: Mapping[StarTable, str]) -> dict[StarTable, SpooledRows]:
        rows = {}
        for table, statement in selected.items():
            began = time.monotonic()
            rows[table] = spooled = self._keep(snapshot.spool(statement))
            self._say(f"{table.name}: {spooled.count} rows read in {time.monotonic() - began:.1f} s")
        return rows

    def _keep(self, rows: SpooledRows) -> SpooledRows:
        self._files.callback(rows.close)
        return rows

    def _send(
        self, rows: Mapping[StarTable, SpooledRows], cursor: Cursor | None, *, whole: bool, with_dates: bool
    ) -> Mapping[str, int]:
        if not rows:
            return {}
        sent = {table.name: spooled.count for table, spooled in rows.items()}
        package = make_package(rows, cursor, whole=whole, with_dates=with_dates)
        began = time.monotonic()
        try:
            self._pipeline.extract(package)
        except PipelineStepFailed:
            self._pipeline.abort_packages()  # read in part: of no use to the next sync
            raise
        self._pipeline.normalize()
        self._say(f"{sum(sent.values())} rows packed")
        self._pipeline.load()
        seconds = time.monotonic() - began
        self._say(f"{sum(sent.values())} rows loaded in {seconds:.1f} s, {sum(sent.values()) / seconds:,.0f} a second")
        return sent


def _count(snapshot: Snapshot, table: StarTable) -> Mapping[str, int]:
    return dict(snapshot.fetch(statements.count_by_tenant(table)))


def _select_changes() -> dict[StarTable, str]:
    changed = {unit: statements.select_changed(unit) for unit in UNITS}
    return {table: statements.select_by_key(table, changed[table.unit]) for table in TABLES}


def _select_changed_tables(snapshot: Snapshot, before: Cursor, totals: Mapping[str, int]) -> dict[StarTable, str]:
    """Return whole tables: those with a row that was written since, or with fewer rows than then."""
    changed = {unit for unit in UNITS if snapshot.fetch_one(statements.any_changed(unit))[0]}
    return {
        table: statements.select_all(table)
        for table in TABLES
        if table.unit in changed or before.counts.get(table.name) != totals[table.name]
    }
