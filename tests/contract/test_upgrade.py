"""An upgrade is no outage: old processes run beside new ones, on one schema and one bus, and old clients go on calling.

What the last release promised lies in `baseline`; a break of it that is meant stands in `baseline/accepted.toml`.
`make upgrade-drill` does the same with real processes under load.
"""

import asyncio
from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from crm_testing.baseline.database_breaks import list_database_breaks
from crm_testing.baseline.database_shape import Migrated, build
from crm_testing.baseline.event_breaks import list_event_breaks, list_unreadable_by_new, list_unreadable_by_old
from crm_testing.baseline.folder import BASELINE, Baseline
from crm_testing.baseline.http_breaks import list_http_breaks
from crm_testing.baseline.migration_statements import list_lock_breaks
from crm_testing.baseline.name_breaks import list_bus_breaks, list_settings_breaks
from crm_testing.baseline.this_tree import describe_bus, describe_events, describe_http, describe_settings

RELEASED: Final = Baseline(Path(__file__).parents[2] / BASELINE)
SERVICES: Final = tuple(RELEASED.release.revisions)
"""Those of the last release: a service that came since has promised nothing yet."""

EACH: Final = pytest.mark.parametrize("service", SERVICES)


def require_none(breaks: Iterable[str], about: str = "") -> None:
    """Fail with what breaks the last release and is not accepted."""
    found = [f"{about}{line}" for line in breaks]
    assert [line for line in found if line not in RELEASED.accepted] == []


def test_old_consumers_read_new_events_and_new_ones_old_events() -> None:
    new = describe_events()
    old = {name: RELEASED.read(name) for name in new}
    require_none(list_event_breaks(old["events/schemas"], new["events/schemas"]))
    require_none(list_unreadable_by_old(old["events/schemas"], new["events/examples"]))
    require_none(list_unreadable_by_new(old["events/examples"]))


def test_topics_and_groups_keep_their_names() -> None:
    require_none(list_bus_breaks(RELEASED.read("bus"), describe_bus()))


@EACH
def test_a_site_keeps_its_settings(service: str) -> None:
    require_none(list_settings_breaks(RELEASED.read(f"settings/{service}"), describe_settings(service)), f"{service} ")


@EACH
def test_a_client_goes_on_calling(service: str) -> None:
    require_none(list_http_breaks(RELEASED.read(f"openapi/{service}"), describe_http(service)), f"{service} ")


@cache
def migrate_all(admin_dsn: str) -> dict[str, Migrated]:
    async def build_all() -> list[Migrated]:
        revisions = RELEASED.release.revisions
        return [await build(service, admin_dsn, released=revisions[service]) for service in SERVICES]

    return dict(zip(SERVICES, asyncio.run(build_all()), strict=True))


@EACH
def test_old_code_runs_on_the_new_schema(service: str, postgres_admin_dsn: str) -> None:
    present = migrate_all(postgres_admin_dsn)[service].shape
    require_none(list_database_breaks(RELEASED.read(f"database/{service}"), present), f"{service} ")


@EACH
def test_migrations_hold_nobody_up(service: str, postgres_admin_dsn: str) -> None:
    statements = migrate_all(postgres_admin_dsn)[service].statements
    require_none(
        chain.from_iterable(
            (f"{service} {revision} {line}" for line in list_lock_breaks(run)) for revision, run in statements.items()
        )
    )
