"""What was not declared is refused by name, and what a type can't hold too; then nothing of it is in the warehouse."""

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

from crm_warehouse.destinations import make_pipeline
from crm_warehouse.packages import make_package
from crm_warehouse.source.spool import SpooledRows
from crm_warehouse.star import TABLES

DIM_TENANT = next(table for table in TABLES if table.name == "dim_tenant")


@pytest.mark.engines
def test_a_value_beyond_its_type_stops_a_sync_and_not_the_next(business: Business, warehouse: Warehouse) -> None:
    business.begin()
    [deal] = business.deals(1)
    warehouse.sync()
    business.run("UPDATE deal_facts SET amount = 0.00001, name = 'now' WHERE deal_id = %(id)s", id=deal)
    with pytest.raises(PipelineStepFailed, match=r"[Rr]escal"):
        warehouse.sync()
    assert warehouse.read("SELECT 1 FROM fct_deal WHERE name = 'now'") == []
    business.run("UPDATE deal_facts SET amount = 0.0001 WHERE deal_id = %(id)s", id=deal)
    warehouse.sync()
    warehouse.assert_equal()


def test_a_column_that_was_not_declared_is_refused_by_name(warehouse: Warehouse) -> None:
    rows = SpooledRows()
    rows.write(b"tenant_id,name,base_currency,time_zone,shoe_size,is_deleted\n1,Acme,EUR,Europe/Berlin,42,f\n")
    rows.count = 1
    pipeline = make_pipeline(warehouse.settings)
    with pytest.raises(PipelineStepFailed, match="Can't add table column `shoe_size` to table `dim_tenant`"):
        pipeline.extract(make_package({DIM_TENANT: rows}, None, whole=False, with_dates=False))
    rows.close()
    assert not pipeline.has_pending_data or pipeline.list_normalized_load_packages() == []
