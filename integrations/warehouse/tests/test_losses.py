"""What is deleted or erased leaves the warehouse, and what comes back returns, past and all."""

from pathlib import Path

import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

from crm_warehouse import differences

pytestmark = pytest.mark.engines


def find_text(folder: Path, text: str) -> list[str]:
    """Return the files below `folder` that hold `text`."""
    return [str(file) for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_what_is_gone_leaves_every_table_and_what_is_restored_returns(
    business: Business, warehouse: Warehouse, tmp_path: Path
) -> None:
    business.begin()
    kept, deleted = business.deals(2)
    business.run("UPDATE deal_facts SET name = 'Unmistakable Zwirbelmann' WHERE deal_id = %(id)s", id=deleted)
    quota = business.quota("2026-02-01", "100.00")
    business.rate("USD", "2026-01-01", "0.9")
    business.activities(1)
    other = Business(business.connection)
    other.begin()
    other.deals(300)
    warehouse.sync()
    assert warehouse.read("SELECT count(*) FROM fct_deal_history WHERE deal_id = ?", str(deleted)) == [(2,)]

    business.delete([deleted])
    business.run("UPDATE contacts SET is_deleted = true, owner_id = NULL, source = NULL, version = 2")
    business.run("UPDATE activity_facts SET is_deleted = true, version = 2")
    # Rows that are deleted outright leave nothing behind that says so: a quota, a past, a whole tenant.
    business.run("DELETE FROM quotas WHERE id = %(id)s", id=quota)
    business.run("DELETE FROM exchange_rates")
    business.run("DELETE FROM deal_periods WHERE deal_id = %(id)s AND valid_to IS NOT NULL", id=kept)
    for table in ("deal_facts", "deal_periods", "stage_transitions", "contacts", "directory_tenants"):
        other.run(f"DELETE FROM {table} WHERE tenant_id = %(tenant)s")  # noqa: S608 - names of ours
    warehouse.sync()
    warehouse.assert_equal()
    for table in ("fct_deal", "fct_deal_history", "fct_stage_move"):
        held = warehouse.read(f"SELECT DISTINCT deal_id FROM {table}")  # noqa: S608 - names of ours
        assert held == [(str(kept),)], table
    for table in ("fct_quota", "fct_activity", "brg_activity_contact", "dim_contact", "dim_exchange_rate"):
        assert not warehouse.read(f"SELECT 1 FROM {table}"), table  # noqa: S608 - names of ours

    # Not in dlt's staging tables either, nor in what it keeps of its work.
    tables = warehouse.read(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name <> 'dim_date'"
    )
    assert ("crm_staging", "fct_deal") in tables
    for schema, name in tables:
        found = warehouse.read(f"SELECT count(*) FROM {schema}.{name} t WHERE t::text LIKE '%Zwirbelmann%'")  # noqa: S608
        assert found == [(0,)], name
    assert find_text(tmp_path / "work", "Zwirbelmann") == []

    business.restore([deleted])
    warehouse.sync()
    warehouse.assert_equal()
    assert warehouse.read("SELECT count(*) FROM fct_stage_move WHERE deal_id = ?", str(deleted)) == [(2,)]


def test_a_large_tenant_is_compared_part_by_part(
    business: Business, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "LARGE_ROWS", 2)
    business.begin()
    deals = business.deals(6)
    warehouse.sync()
    business.run("DELETE FROM stage_transitions WHERE deal_id = %(id)s AND version = 1", id=deals[0])
    business.run("DELETE FROM deal_facts WHERE deal_id = %(id)s", id=deals[1])
    assert warehouse.sync().rows == {"fct_deal": 1, "fct_deal_history": 1, "fct_stage_move": 2}
    warehouse.assert_equal()
