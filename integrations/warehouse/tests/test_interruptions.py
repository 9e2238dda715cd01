"""A sync that was killed: the next one finishes what was read whole, and reads again what was read in part."""

import os
import signal
import subprocess
import sys

import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("line", ["fct_quota:", "rows packed"])
def test_a_killed_sync_is_finished_by_the_next(business: Business, warehouse: Warehouse, line: str) -> None:
    business.begin()
    deals = business.deals(2000)
    settings = warehouse.settings
    environment = {
        **os.environ,
        "CRM_WAREHOUSE_DSN": settings.dsn.get_secret_value(),
        "CRM_WAREHOUSE_WORK_DIR": str(settings.work_dir),
        "CRM_WAREHOUSE_DUCKDB_FILE": str(settings.duckdb_file),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "crm_warehouse.cli", "sync"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        printed = next(one for one in process.stderr if line in one)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert printed
    business.delete(deals[:10])  # meanwhile
    warehouse.sync()
    warehouse.assert_equal()
    if line == "rows packed":
        assert "finishing what was interrupted" in warehouse.printed
    assert not list(settings.work_dir.rglob("*.parquet"))
