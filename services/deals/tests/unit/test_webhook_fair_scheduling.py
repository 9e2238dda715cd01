"""How attempts are shared out: ceilings hold, and nobody's flood takes what others need."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from crm_deals.settings import DealsSettings
from crm_deals.webhooks.fair_scheduling import Shares, place_of

TENANTS = [UUID(int=number) for number in range(1, 20)]


class Moment:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> float:
        return self.at_s


def _webhook(tenant_id: UUID, host: str, failures: int = 0) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "id": uuid4(), "url": f"https://{host}/hooks", "failures": failures}


def _settings(**changes: Any) -> DealsSettings:
    dsn = "postgresql://nowhere/none"
    return DealsSettings.model_validate(
        {"dsn": dsn, "worker_dsn": dsn, "owner_dsn": dsn, **changes}, by_name=True, by_alias=True
    )


def _take(shares: Shares, due: list[dict[str, Any]]) -> dict[UUID, int]:
    """Begin all that may begin; give how much of it is each webhook's."""
    given = {webhook["id"]: (webhook, attempts) for webhook, attempts in shares.share_out(due)}
    for webhook, attempts in given.values():
        for _ in range(attempts):
            shares.begin(place_of(webhook))
    return {webhook_id: attempts for webhook_id, (_, attempts) in given.items()}


def test_a_flood_leaves_room_for_the_next_tenant_at_the_same_host() -> None:
    shares = Shares(_settings(), Moment())
    flood = [_webhook(TENANTS[0], "hooks.example") for _ in range(50)]
    assert sum(_take(shares, flood).values()) == 16
    other = _webhook(TENANTS[1], "hooks.example")
    assert _take(shares, [*flood, other]) == {other["id"]: 16}


def test_who_comes_later_gets_the_next_free_place_of_all() -> None:
    shares = Shares(_settings(webhook_total_concurrency=10, webhook_concurrency=100), Moment())
    first = _webhook(TENANTS[0], "one.example")
    assert _take(shares, [first]) == {first["id"]: 10}
    shares.end(place_of(first))
    late = _webhook(TENANTS[1], "two.example")
    assert _take(shares, [first, late]) == {late["id"]: 1}


def test_what_is_free_is_shared_evenly_by_tenant_not_by_webhook() -> None:
    shares = Shares(_settings(webhook_total_concurrency=12), Moment())
    many = [_webhook(TENANTS[0], f"{number}.example") for number in range(11)]
    one = _webhook(TENANTS[1], "one.example")
    assert _take(shares, [*many, one])[one["id"]] == 6


@pytest.mark.parametrize(
    ("tenants", "hosts", "most"),
    [(1, 1, 16), (1, 50, 64), (19, 1, 32), (19, 50, 512)],
    ids=["a tenant at a host", "a tenant", "a host", "a worker"],
)
def test_ceilings_hold(tenants: int, hosts: int, most: int) -> None:
    shares = Shares(_settings(), Moment())
    due = [_webhook(tenant, f"{host}.example") for tenant in TENANTS[:tenants] for host in range(hosts)]
    assert sum(_take(shares, due).values()) == most
    assert _take(shares, due) == {}


def test_a_host_gets_no_more_than_its_rate_however_many_ask() -> None:
    moment = Moment()
    shares = Shares(_settings(webhook_host_rate=5, webhook_concurrency=100), moment)
    due = [_webhook(tenant, "victim.example") for tenant in TENANTS[:3]]
    sent = []
    for _ in range(10):
        given = _take(shares, due)
        for webhook in due:
            for _ in range(given.get(webhook["id"], 0)):
                shares.end(place_of(webhook))
        sent.append(sum(given.values()))
        moment.at_s += 0.2
    assert sent == [5, 1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_a_rate_below_one_a_second_comes_to_its_turn() -> None:
    moment = Moment()
    shares = Shares(_settings(webhook_host_rate=0.1), moment)
    webhook = _webhook(TENANTS[0], "slow.example")
    for expected in ({webhook["id"]: 1}, {}):
        assert _take(shares, [webhook]) == expected
    moment.at_s += 10
    assert _take(shares, [webhook]) == {webhook["id"]: 1}


def test_an_endpoint_that_keeps_failing_is_felt_for_by_one_attempt() -> None:
    shares = Shares(_settings(), Moment())
    sick = _webhook(TENANTS[0], "sick.example", failures=5)
    assert _take(shares, [sick]) == {sick["id"]: 1}
