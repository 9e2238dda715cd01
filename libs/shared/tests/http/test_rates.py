"""How often: by user, by tenant, and by the address that bad tokens come from."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from libs.shared.tests.http.things import MIGRATIONS, ThingsSettings, make_app

from crm_shared.http.batch_limit import BatchLimit, TooManyBatchItems
from crm_testing.answers import require_ok, require_problem
from crm_testing.service_kit import running_service

pytestmark = pytest.mark.engines


async def test_too_many_requests_are_told_when_to_come_again(postgres_admin_dsn: str) -> None:
    limits: dict[str, Any] = {"rate_limit_requests": 5, "rate_limit_window_s": 3600}
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **limits) as kit:
        tenant = await kit.seed_tenant()
        client = kit.client(tenant.rep)
        answers = [await client.get(f"/v1/things/{uuid4()}") for _ in range(3)]  # refusals count too
        answers += list(await asyncio.gather(*(client.get("/v1/things") for _ in range(4))))
        assert [answer.headers["ratelimit-remaining"] for answer in answers[:3]] == ["4", "3", "2"]
        assert sorted(answer.status_code for answer in answers) == [200, 200, 404, 404, 404, 429, 429]
        refused = next(answer for answer in answers if answer.status_code == 429)
        require_problem(refused, 429, "rate-limited")
        assert refused.headers["ratelimit-limit"] == "5"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert 0 < int(refused.headers["ratelimit-reset"]) <= 3600
        assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
        require_ok(await kit.client(tenant.admin).get("/v1/things"))  # another user's count is their own


async def test_all_users_of_a_tenant_share_its_limit(postgres_admin_dsn: str) -> None:
    limits: dict[str, Any] = {"rate_limit_tenant_requests": 5, "rate_limit_window_s": 3600}
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **limits) as kit:
        tenant, other = await kit.seed_tenant(), await kit.seed_tenant()
        for left, person in enumerate((tenant.rep, tenant.admin, tenant.rep, tenant.manager, tenant.other_rep)):
            answer = await kit.client(person).get("/v1/things")
            require_ok(answer)
            assert answer.headers["ratelimit-limit"] == "5", "the limit that what remains is of"
            assert answer.headers["ratelimit-remaining"] == str(4 - left)
        refused = await kit.client(tenant.admin).get("/v1/things")
        require_problem(refused, 429, "rate-limited")
        assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("5", "0")
        require_ok(await kit.client(other.rep).get("/v1/things"))


async def test_each_of_several_processes_takes_its_share_of_a_tenant_s_limits(postgres_admin_dsn: str) -> None:
    limits: dict[str, Any] = {"rate_limit_tenant_requests": 7, "rate_limit_window_s": 3600, "api_processes": 3}
    limits |= {"batch_limit_items": 10, "batch_limit_window_s": 3600, "rate_limit_requests": 4}
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **limits) as kit:
        tenant, other = await kit.seed_tenant(), await kit.seed_tenant()
        answers = [await kit.client(tenant.rep).get("/v1/things") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-limit"] == "3", "the share, which is nearer than a user's 4"
        batches = BatchLimit.of(kit.settings)
        batches.count(other.id, 3)
        batches.count(other.id, 3)
        with pytest.raises(TooManyBatchItems):
            batches.count(other.id, 1)


async def test_bad_tokens_are_limited_by_address_before_they_are_verified(postgres_admin_dsn: str) -> None:
    limits: dict[str, Any] = {"rate_limit_bad_tokens": 3, "rate_limit_window_s": 3600}
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **limits) as kit:
        tenant = await kit.seed_tenant()
        good = kit.client(tenant.rep)
        require_ok(await good.get("/v1/things"))
        for _ in range(5):  # without any token nothing is tried
            require_problem(await kit.client_with(None).get("/v1/things"), 401)
        answers = [await kit.client_with(f"Bearer {number}.b.c").get("/v1/things") for number in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        require_problem(await kit.client(tenant.admin).get("/v1/things"), 429, "rate-limited")  # not known to be good
        require_ok(await good.get("/v1/things"))  # known, and as cheap as ever
        transport = httpx.ASGITransport(app=kit.app, client=("203.0.113.7", 4711))
        headers = {"authorization": kit.client(tenant.admin).headers["authorization"]}
        async with httpx.AsyncClient(transport=transport, base_url="http://things.test", headers=headers) as elsewhere:
            require_ok(await elsewhere.get("/v1/things"))


async def test_bad_tokens_from_all_of_one_ipv6_network_are_counted_together(postgres_admin_dsn: str) -> None:
    limits: dict[str, Any] = {"rate_limit_bad_tokens": 3, "rate_limit_window_s": 3600}
    async with running_service(ThingsSettings, make_app, MIGRATIONS, admin_dsn=postgres_admin_dsn, **limits) as kit:

        async def ask(host: str) -> int:
            transport = httpx.ASGITransport(app=kit.app, client=(host, 4711))
            headers = {"authorization": f"Bearer {host.replace(':', '-')}.b.c"}
            async with httpx.AsyncClient(transport=transport, base_url="http://things.test", headers=headers) as client:
                return (await client.get("/v1/things")).status_code

        assert [await ask(f"2001:db8:1:2::{number}") for number in range(1, 6)] == [401, 401, 401, 429, 429]
        assert await ask("2001:db8:1:3::1") == 401
