"""Parquet files: a table is written whole where anything in it changed, and left alone where nothing did."""

from pathlib import Path

import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

pytestmark = pytest.mark.engines


def list_files(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in folder.rglob("*.parquet"):
        found.setdefault(file.parent.name, set()).add(file.name)
    return found


def test_files_hold_what_the_database_does_and_nothing_of_what_is_gone(
    business: Business, lake: Warehouse, tmp_path: Path
) -> None:
    business.begin()
    business.rate("USD", "2026-01-01", "0.9")
    deals = business.deals(40)
    business.quota("2026-02-01", "100.00")
    quota = business.quota("2026-03-01", "200.00")
    business.run("UPDATE deal_facts SET name = 'Unmistakable Zwirbelmann' WHERE deal_id = %(id)s", id=deals[0])
    lake.sync()
    lake.assert_equal()
    before = list_files(tmp_path / "lake")

    business.delete(deals[:1])
    business.run("DELETE FROM quotas WHERE id = %(id)s", id=quota)
    summary = lake.sync()
    assert summary.rows.keys() == {"fct_deal", "fct_deal_history", "fct_stage_move", "fct_quota"}
    lake.assert_equal()
    after = list_files(tmp_path / "lake")
    assert {table for table in after if after[table] != before[table]} == summary.rows.keys()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"Zwirbelmann" in file.read_bytes()]
    assert lake.sync().total == 0
    assert list_files(tmp_path / "lake") == after
