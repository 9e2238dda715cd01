from crm_shared.testing.answers import *


async def test_smoke(contacts, tenant):
    c = contacts.client(tenant.rep)
    print(require_ok(await c.get("/v1/me")))
    co = require_ok(
        await c.post("/v1/companies", json={"name": "Acme", "domain": "https://www.ACME.com/x", "size": 50}), 201
    )
    k = require_ok(
        await c.post(
            "/v1/contacts",
            json={
                "first_name": "Zoë",
                "last_name": "Okonkwo",
                "email": "Zoe@ACME.com",
                "phone": "030 901820",
                "company_id": co["id"],
                "tags": ["a", "a", "b"],
            },
        ),
        201,
    )
    print(k)
    require_problem(await c.post("/v1/contacts", json={"email": "zoe@acme.COM"}), 409, "duplicate-email")
    for params in (
        {"q": "zoë oko"},
        {"q": "okon"},
        {"q": "ZOE@"},
        {"email": "ZOE@acme.com"},
        {"phone": "+49 30 90 18 20"},
        {"tag": "a"},
        {"sort": "name"},
        {"sort": "-updated_at"},
    ):
        assert [x["id"] for x in await walk_pages(c, "/v1/contacts", **params)] == [k["id"]], params
    k2 = require_ok(await c.put(f"/v1/contacts/{k['id']}/tags/x%2Fy"))
    assert k2["tags"] == ["a", "b", "x/y"]
    assert (await c.delete(f"/v1/contacts/{k['id']}/tags/x%2Fy")).status_code == 204
    p = require_ok(await c.patch(f"/v1/contacts/{k['id']}", json={"email": None, "tags": []}))
    assert (await c.delete(f"/v1/contacts/{k['id']}")).status_code == 204
    for e in await contacts.take_events(tenant.id):
        print(e.type, e.version, e.changed)
    a = contacts.client(tenant.admin)
    u = require_ok(
        await a.post(
            "/v1/users",
            json={"email": "New@x.test", "full_name": "N", "role": "REP", "manager_id": str(tenant.manager.id)},
        ),
        201,
    )
    require_problem(await a.patch(f"/v1/users/{tenant.manager.id}", json={"manager_id": u["id"]}), 422, "manager-cycle")
    require_problem(await a.patch(f"/v1/users/{tenant.admin.id}", json={"active": False}), 409, "last-admin")
    require_problem(await c.patch("/v1/tenant", json={"bogus": 1}), 403)
    print(require_ok(await a.patch("/v1/tenant", json={"manager_scope": "SUBTREE"})))
