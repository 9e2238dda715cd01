"""Reporting's database, migrated and empty, the role that a sync reads as, and a warehouse for each test."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

from crm_shared.database.migrations import migrate
from crm_shared.entry_points.provision import provision
from crm_warehouse import access
from crm_warehouse.settings import WarehouseSettings

MIGRATIONS = Path(__file__).parents[3] / "services" / "reporting" / "migrations" / "versions"


@pytest.fixture(scope="session")
def reporting_owner_dsn(postgres_admin_dsn: str) -> Iterator[str]:
    name = f"test_reporting_{uuid.uuid4().hex[:12]}"
    asyncio.run(provision(postgres_admin_dsn, "reporting", password_of=lambda _role: "secret", database=name))
    info = psycopg.conninfo.conninfo_to_dict(postgres_admin_dsn)
    owner = f"postgresql://reporting_owner:secret@{info['host']}:{info['port']}/{name}"
    migrate(owner, MIGRATIONS)
    yield owner
    with psycopg.connect(postgres_admin_dsn, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def warehouse_dsn(postgres_admin_dsn: str, reporting_owner_dsn: str) -> Iterator[str]:
    role = f"warehouse_{uuid.uuid4().hex[:12]}"
    yield access.grant(postgres_admin_dsn, reporting_owner_dsn, role, None)
    access.revoke(postgres_admin_dsn, reporting_owner_dsn, role)


@pytest.fixture
def business(reporting_owner_dsn: str) -> Iterator[Business]:
    """Yield a connection that writes as the projections do, over tables that are empty at first."""
    with psycopg.connect(
        reporting_owner_dsn.replace("reporting_owner", "reporting_worker"), autocommit=True
    ) as connection:
        business = Business(connection)
        business.clear()
        yield business


@pytest.fixture
def warehouse(warehouse_dsn: str, tmp_path: Path) -> Warehouse:
    return Warehouse(
        WarehouseSettings(dsn=warehouse_dsn, work_dir=tmp_path / "work", duckdb_file=tmp_path / "warehouse.duckdb")
    )


@pytest.fixture
def lake(warehouse_dsn: str, tmp_path: Path) -> Warehouse:
    """Return one of Parquet files."""
    settings = WarehouseSettings(
        dsn=warehouse_dsn, work_dir=tmp_path / "work", destination="filesystem", bucket_url=f"file://{tmp_path}/lake"
    )
    return Warehouse(settings)
