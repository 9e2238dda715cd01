"""The cursor: nothing that commits late is lost, nothing is brought twice, and it is never taken for another's."""

import re

import psycopg
import pytest
from integrations.warehouse.tests.business import Business
from integrations.warehouse.tests.warehouses import Warehouse

from crm_warehouse import access
from crm_warehouse.sync import SyncRefused

pytestmark = pytest.mark.engines
RENAME = b"UPDATE deal_facts SET name = %s, version = version + 1 WHERE deal_id = %s"


def test_what_commits_after_a_later_change_was_brought_is_brought_too(
    business: Business, warehouse: Warehouse, reporting_owner_dsn: str
) -> None:
    business.begin()
    first, second = business.deals(2)
    warehouse.sync()
    with psycopg.connect(reporting_owner_dsn.replace("reporting_owner", "reporting_worker")) as late:
        late.execute(RENAME, ["late", first])  # has its number, and has not committed
        with late.transaction():  # a part of it that has a number of its own
            late.execute(b"UPDATE deal_facts SET lost_reason = 'late' WHERE deal_id = %s", [second])
        business.connection.execute(
            b"UPDATE contacts SET source = 'FAIR', version = version + 1 WHERE tenant_id = %s", [business.tenant]
        )
        warehouse.sync(settled=False)
        assert warehouse.read("SELECT source FROM dim_contact") == [("FAIR",)]
        assert warehouse.read("SELECT 1 FROM fct_deal WHERE name = 'late' OR lost_reason = 'late'") == []
        late.commit()
    warehouse.sync()
    assert warehouse.read("SELECT deal_id FROM fct_deal WHERE name = 'late'") == [(str(first),)]
    warehouse.assert_equal()
    assert warehouse.sync().total == 0


def test_the_cursor_lives_in_the_warehouse_so_another_machine_goes_on(
    business: Business, warehouse: Warehouse, postgres_admin_dsn: str
) -> None:
    business.begin()
    deals = business.deals(5)
    with psycopg.connect(postgres_admin_dsn) as other_database:
        # What is open in the cluster's other databases holds nothing back: it can't have written here.
        other_database.execute(b"SELECT pg_current_xact_id()")
        warehouse.sync()
        assert warehouse.sync().total == 0
    elsewhere = Warehouse(warehouse.settings.model_copy(update={"work_dir": warehouse.settings.work_dir / "elsewhere"}))
    business.delete(deals[:1])
    summary = elsewhere.sync()
    assert summary.rows["fct_deal"] == 1
    elsewhere.assert_equal()


def test_a_dataset_holds_one_tenant_or_all_and_the_role_of_one_tenant_sees_no_other(
    business: Business, warehouse: Warehouse, postgres_admin_dsn: str, reporting_owner_dsn: str
) -> None:
    business.begin()
    business.deals(3)
    other = Business(business.connection)
    other.begin()
    other.deals(2)
    role = access.name_role(business.tenant)
    dsns = postgres_admin_dsn, reporting_owner_dsn
    access.grant(*dsns, role, business.tenant)
    dsn = access.grant(*dsns, role, business.tenant)  # again: a new password
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(b"SELECT set_config('crm.tenant_id', %s, false)", [str(other.tenant)])
            for table in access.READS:
                seen = connection.execute(f"SELECT DISTINCT tenant_id FROM {table}".encode()).fetchall()  # noqa: S608
                assert set(seen) <= {(business.tenant,)}, table
            for forbidden in (
                b"SELECT email FROM directory_users",
                b"SELECT 1 FROM visible_owners",
                b"SELECT 1 FROM deal_rollup",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(forbidden)
            connection.execute(b"SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(b"UPDATE deal_facts SET name = 'x'")
        own = Warehouse(warehouse.settings.model_copy(update={"dsn": type(warehouse.settings.dsn)(dsn)}))
        own.sync(business.tenant)
        own.assert_equal(tenant=business.tenant)
        assert own.read("SELECT count(*) FROM fct_deal") == [(3,)]
        with pytest.raises(SyncRefused, match=f"holds tenant {business.tenant}"):
            own.sync()
        # Without its policy a role is shown no rows at all, which must not be taken for a deletion of all.
        with psycopg.connect(reporting_owner_dsn) as owner:
            owner.execute(f'DROP POLICY "{role}_permissive" ON deal_facts'.encode())
            owner.execute(f'DROP POLICY "{role}_restrictive" ON deal_facts'.encode())
        with pytest.raises(SyncRefused, match="shown nothing of deal_facts"):
            own.sync(business.tenant)
        assert access.grant(*dsns, role, business.tenant, keep_password=True) == re.sub(":[^:@]*@", "@", dsn)
        assert own.sync(business.tenant).total == 0
    finally:
        access.revoke(*dsns, role)
    with psycopg.connect(postgres_admin_dsn) as admin:
        assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None
