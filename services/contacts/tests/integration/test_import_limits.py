"""How much a tenant may have waiting: each limit is told by its name, and two uploads at once can't slip past it."""

import asyncio

import httpx
import pytest
from services.contacts.tests.integration.importing import Kit, make_runner, upload
from services.contacts.tests.integration.process_kit import changed_settings

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

GOOD = "email\na@acme.example\n"
COUNT_PIECES = "SELECT count(*) FROM import_pieces WHERE tenant_id = $1"


async def count_pieces(kit: Kit, tenant: SeededTenant) -> int:
    async with kit.database.read(tenant.id) as connection:
        return int(await connection.fetchval(COUNT_PIECES, tenant.id))


def require_limited(answer: httpx.Response, slug: str, setting: str) -> None:
    problem = require_problem(answer, 429, slug)
    assert setting in problem["detail"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
async def test_a_file_of_too_many_lines_is_refused_while_it_comes(
    contacts: Kit, tenant: SeededTenant, line_end: str
) -> None:
    client = contacts.client(tenant.rep)
    with changed_settings(contacts, import_max_lines=3):
        fits = await upload(client, line_end.join(["email", "a@acme.example", "b@acme.example", ""]))
        answer = await upload(client, line_end.join(["email", *("a@acme.example" for _ in range(3)), ""]))
    require_ok(fits, 201)
    problem = require_problem(answer, 422, None, "/file")
    assert "import_max_lines" in problem["detail"]
    assert await count_pieces(contacts, tenant) == 1


async def test_a_tenant_has_so_many_imports_waiting_and_no_more(
    contacts: Kit, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    with changed_settings(contacts, import_tenant_files=2):
        jobs = [require_ok(await upload(contacts.client(tenant.rep), GOOD), 201) for _ in range(2)]
        require_limited(await upload(contacts.client(tenant.admin), GOOD), "too-many-imports", "import_tenant_files")
        require_ok(await upload(contacts.client(neighbour.rep), GOOD), 201)
        require_ok(await contacts.client(tenant.rep).post(f"/v1/imports/{jobs[0]['id']}/cancel"))
        require_ok(await upload(contacts.client(tenant.admin), GOOD), 201)
        await make_runner(contacts).run_waiting()
        require_ok(await upload(contacts.client(tenant.admin), GOOD), 201)


async def test_a_tenants_files_have_so_many_bytes_together(contacts: Kit, tenant: SeededTenant) -> None:
    with changed_settings(contacts, import_tenant_bytes=2_500_000):
        large = b"email\n" + b"x" * 1_500_000
        require_ok(await upload(contacts.client(tenant.rep), large), 201)
        answer = await upload(contacts.client(tenant.admin), large)
        require_limited(answer, "too-many-import-bytes", "import_tenant_bytes")
        assert await count_pieces(contacts, tenant) == 2  # the refused file's first piece is gone again
        require_ok(await upload(contacts.client(tenant.admin), GOOD), 201)


async def test_uploads_at_once_can_not_slip_past_the_limits(contacts: Kit, tenant: SeededTenant) -> None:
    large = b"email\n" + b"x" * 1_500_000
    client = contacts.client(tenant.rep)
    with changed_settings(contacts, import_tenant_files=3, import_tenant_bytes=20_000_000):
        answers = await asyncio.gather(*(upload(client, GOOD) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
    with changed_settings(contacts, import_tenant_files=20, import_tenant_bytes=4_000_000):
        answers = await asyncio.gather(*(upload(client, large) for _ in range(6)))
    # Two fit; where more are under way at once each may meet the others' pieces, and all of these are refused.
    assert [answer.status_code for answer in answers].count(201) <= 2
    assert {answer.status_code for answer in answers} <= {201, 429}
    async with contacts.database.read(tenant.id) as connection:
        stored = "SELECT sum(octet_length(data)) FROM import_pieces WHERE tenant_id = $1"
        assert await connection.fetchval(stored, tenant.id) <= 4_000_000


async def test_a_tenant_writes_so_many_records_in_batches_within_a_window(
    contacts: Kit, tenant: SeededTenant, neighbour: SeededTenant
) -> None:
    def body(start: int, path: str) -> dict[str, object]:
        names = range(start, start + 3)
        items = [{"email": f"p{name}@acme.example"} if path == "contacts" else {"name": f"C{name}"} for name in names]
        return {"mode": "create", "items": items}

    rep = contacts.client(tenant.rep)
    with changed_settings(contacts, batch_limit_items=4, batch_limit_window_s=3600):
        assert (await rep.post("/v1/contacts/batch", json=body(0, "contacts"))).status_code == 207
        assert (await rep.post("/v1/companies/batch", json=body(0, "companies"))).status_code == 207
        for path in ("contacts", "companies"):
            answer = await contacts.client(tenant.admin).post(f"/v1/{path}/batch", json=body(9, path))
            require_limited(answer, "too-many-batch-items", "batch_limit_items")
        others = await contacts.client(neighbour.rep).post("/v1/contacts/batch", json=body(0, "contacts"))
        assert others.status_code == 207
