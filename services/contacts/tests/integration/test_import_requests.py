"""What the API answers to uploads that can't be: each names what is wrong, and nothing is kept."""

import httpx
import pytest
from services.contacts.tests.integration.importing import Kit, upload
from services.contacts.tests.integration.process_kit import changed_settings

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

GOOD = "email\na@acme.example\n"
XLSX = b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xfe" + bytes(range(256))


@pytest.mark.parametrize(
    ("content", "fields", "pointer"),
    [
        (GOOD, {"entity_type": "DEAL"}, "/entity_type"),
        (GOOD, {"entity_type": ""}, "/entity_type"),
        (GOOD, {"mode": "replace"}, "/mode"),
        (GOOD, {"dry_run": "perhaps"}, "/dry_run"),
        (GOOD, {"mode": "upsert", "id_property": "phone"}, "/id_property"),
        (GOOD, {"id_property": "email"}, "/id_property"),
        (GOOD, {"mode": "upsert", "id_property": "external_id"}, "/mapping"),
        (GOOD, {"mapping": "{"}, "/mapping"),
        (GOOD, {"mapping": "[]"}, "/mapping"),
        (GOOD, {"mapping": '{"email": 5}'}, "/mapping/email"),
        (GOOD, {"mapping": '{"email": "nickname"}'}, "/mapping/email"),
        (GOOD, {"mapping": '{"name": "email"}'}, "/mapping/name"),
        (GOOD, {"mapping": '{"email": null}'}, "/mapping"),
        (GOOD, {"encoding": "klingon"}, "/encoding"),
        (GOOD, {"delimiter": "#"}, "/delimiter"),
        (GOOD, {"nickname": "x"}, "/nickname"),
        ("", {}, "/file"),
        (" \n\n", {}, "/file"),
        ("email\n", {}, "/file"),
        (XLSX, {}, "/file"),
        ("x" * 150_000, {}, "/file"),
        ("," * 100_000 + "\n1\n", {}, "/file"),
        ('"' + "x" * 140_000 + '"\n1\n', {"delimiter": ";"}, "/file"),
        ("email,E-Mail\na@acme.example,b@acme.example\n", {}, "/file"),
        ("nothing,known\n1,2\n", {}, "/mapping"),
    ],
)
async def test_what_can_not_be_imported_is_refused_by_its_name(
    contacts: Kit, tenant: SeededTenant, content: str | bytes, fields: dict[str, str], pointer: str
) -> None:
    answer = await upload(contacts.client(tenant.rep), content, **fields)

    require_problem(answer, 422, None, pointer)
    rows = await contacts.list_rows("import_pieces")
    assert not [row for row in rows["import_pieces"] if str(tenant.id) in row]


async def test_a_body_that_is_no_form_is_refused(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    require_problem(await client.post("/v1/imports", json={"entity_type": "CONTACT"}), 415)
    require_problem(await client.post("/v1/imports", content=GOOD, headers={"content-type": "text/csv"}), 415)
    form = {"content-type": "multipart/form-data; boundary=x"}
    require_problem(await client.post("/v1/imports", content=b"nonsense", headers=form), 400)
    cut = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail\n'
    require_problem(await client.post("/v1/imports", content=cut, headers=form), 400)
    require_problem(
        await client.post("/v1/imports", data={"entity_type": "CONTACT"}, files={"x": b"a"}), 422, None, "/x"
    )
    only_text = {"entity_type": (None, "CONTACT")}
    require_problem(await client.post("/v1/imports", files=only_text), 422, "invalid-field", "/file")
    anonymous = contacts.client_with(None)
    require_problem(await anonymous.post("/v1/imports", files={"file": b"a"}), 401)
    require_problem(await client.get("/v1/imports/no-id"), 404)
    require_problem(await client.get("/v1/imports", params={"status": "ODD"}), 422, None, "?status")


async def test_a_file_over_the_limit_is_refused_while_it_comes(contacts: Kit, tenant: SeededTenant) -> None:
    def count_pieces(rows: dict[str, list[str]]) -> int:
        return sum(str(tenant.id) in row for row in rows["import_pieces"])

    with changed_settings(contacts, import_max_bytes=3_000_000):
        answer = await upload(contacts.client(tenant.rep), b"email\n" + b"x" * 3_000_000)
    require_problem(answer, 413)
    assert count_pieces(await contacts.list_rows("import_pieces")) == 0


async def test_a_repeated_upload_begins_one_import(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    async def post(content: str) -> httpx.Response:
        files = {"file": ("a.csv", content.encode(), "text/csv")}
        headers = {"Idempotency-Key": "once"}
        return await client.post("/v1/imports", data={"entity_type": "CONTACT"}, files=files, headers=headers)

    first = require_ok(await post(GOOD), 201)
    again = await post(GOOD)
    assert require_ok(again, 201)["id"] == first["id"]
    assert again.headers["idempotency-replayed"] == "true"
    require_problem(await post("email\nb@acme.example\n"), 422, "idempotency-key-reused")
    pieces = await contacts.list_rows("import_pieces")
    assert sum(str(tenant.id) in row for row in pieces["import_pieces"]) == 1
    require_ok(await client.post(f"/v1/imports/{first['id']}/cancel"))


async def test_the_answer_tells_what_was_understood(contacts: Kit, tenant: SeededTenant) -> None:
    content = "Name;Mail;Notes\nZoë;zoe@acme.example;x\n".encode("cp1252")
    answer = await upload(contacts.client(tenant.rep), content, mapping={"Name": "first_name"}, mode="UPSERT")

    job = require_ok(answer, 201)
    assert answer.headers["location"] == f"/v1/imports/{job['id']}"
    assert answer.headers["etag"] == '"1"'
    expected = {
        "status": "QUEUED", "entity_type": "CONTACT", "mode": "upsert", "id_property": "email", "dry_run": False,
        "file_name": "people.csv", "encoding": "windows-1252", "delimiter": ";", "progress": 0, "version": 1,
        "mapping": {"Name": "first_name", "Mail": "email", "Notes": None}, "file_bytes": len(content),
    }  # fmt: skip
    assert {name: job[name] for name in expected} == expected
    require_ok(await contacts.client(tenant.rep).post(f"/v1/imports/{job['id']}/cancel"))


@pytest.mark.parametrize("boundary", ["b" * 257, "b" * 60_000, "\u00e9", '"', "b*=utf-8''x", " "])
async def test_a_boundary_that_can_be_none_is_refused(contacts: Kit, tenant: SeededTenant, boundary: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}".encode("latin-1")
    answer = await contacts.client(tenant.rep).post(
        "/v1/imports", content=b"--b\r\n\r\n", headers=[(b"content-type", kind)]
    )
    assert answer.status_code in {400, 415}
