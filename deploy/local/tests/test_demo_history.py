"""The demo tenant's past: told once, gone on with where it was interrupted, left out where it can't be told."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from crm_local import demo, demo_history
from crm_local.demo_suites import DemoFailed, DemoSuite, LocalSuite
from crm_local.demo_tenant import DemoTenant, read_known, remember
from crm_local.home import Home
from crm_local.plan import Plan

SOME = UUID(int=1)
TENANT = DemoTenant(tenant_id=SOME, admin_id=SOME, rep_id=SOME, deal_id=SOME, token="")


def test_an_interrupted_load_goes_on_from_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, printed, moments = LocalSuite(Plan(Home(tmp_path), 8000)), list[str](), list[datetime]()
    remember(suite.home, tenant_id=str(SOME))

    def load(_suite: DemoSuite, _tenant: DemoTenant, moment: datetime) -> None:
        moments.append(moment)
        if len(moments) == 1:
            raise DemoFailed("the API went away")

    monkeypatch.setattr(demo_history, "load", load)
    with pytest.raises(DemoFailed):
        demo.make_history(suite, TENANT, printed.append)
    assert "history_loaded_at" not in read_known(suite.home)
    for _ in range(2):
        demo.make_history(suite, TENANT, printed.append)

    assert len(moments) == 2
    assert moments[0] == moments[1]
    assert len(printed) == 1


def test_a_tenant_that_was_changed_since_keeps_its_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, printed = LocalSuite(Plan(Home(tmp_path), 8000)), list[str]()
    remember(suite.home, tenant_id=str(SOME))

    def load(*_: object) -> None:
        raise KeyError("Closed Won")

    monkeypatch.setattr(demo_history, "load", load)
    demo.make_history(suite, TENANT, printed.append)
    demo.make_history(suite, TENANT, printed.append)

    assert printed == ["the demo tenant is no longer as it was made, its past stays untold ('Closed Won')"]


def test_the_past_happens_in_order_and_closes_in_this_month() -> None:
    for deal in demo_history.DEALS:
        days = [deal.created, *(days_ago for _, days_ago in deal.moves)]
        assert days == sorted(days, reverse=True)
    assert any(deal.moves[-1] == ("Closed Won", 0) for deal in demo_history.DEALS)
