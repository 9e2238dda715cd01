"""The export: what the list shows, whole, and no cell that a spreadsheet would run."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.exports import routes
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/exports/activities.csv"


def read(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post("/v1/activities", json={"type": "NOTE", **fields}), 201)


async def test_each_field_is_a_cell(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id, first_name="Zoë", last_name="O'Neil")
    await keep_replicas([contact.publish()], service.database)
    file = {"name": "offer.pdf", "url": "https://files.example/offer.pdf", "media_type": None, "size_bytes": 7}
    email = await log(
        rep, type="EMAIL", subject="=1+1", body='Zoë; "and"\r\nmore', contact_id=str(contact.id), direction="INBOUND",
        occurred_at="2026-11-02T09:30:00Z", reference_ids=["<a@x>", "<b@x>"], attachments=[file], is_automatic=True,
    )  # fmt: skip
    task = await log(rep, type="TASK", scheduled_on="2026-12-01", priority="HIGH", subject="second")
    second, first = read(await rep.get(PATH))
    assert (first["id"], first["subject"], first["body"]) == (email["id"], "'=1+1", 'Zoë; "and"\r\nmore')
    assert (first["contact"], first["user"]) == ("Zoë O'Neil", tenant.rep.email)
    assert (first["contact_id"], first["contact_ids"]) == (str(contact.id), str(contact.id))
    assert (first["occurred_at"], first["is_automatic"]) == ("2026-11-02T09:30:00Z", "true")
    assert first["reference_ids"] == "<a@x>;<b@x>"
    assert json.loads(first["attachments"]) == [file]
    assert (second["id"], second["scheduled_on"], second["priority"]) == (task["id"], "2026-12-01", "HIGH")
    assert (second["recurrence"], second["facts"], second["contact"], second["is_automatic"]) == ("", "", "", "false")


async def test_fields_and_filters_are_chosen(rep: httpx.AsyncClient) -> None:
    await log(rep, subject="no")
    await log(rep, type="CALL", subject="yes", direction="OUTBOUND")
    answer = await rep.get(PATH, params={"type": "CALL", "fields": "subject, type", "excel": "true"})
    assert answer.content == b"\xef\xbb\xbfsubject,type\r\nyes,CALL\r\n"
    answer = await rep.get(PATH, params=[("fields", "type"), ("fields", "subject"), ("sort", "created_at")])
    assert answer.text == "type,subject\r\nNOTE,no\r\nCALL,yes\r\n"
    assert (await rep.get(PATH, params={"type": "EMAIL", "fields": "id"})).text == "id\r\n"


@pytest.mark.parametrize("name", ["limit", "cursor", "nickname", "fields", "excel", "type", "sort"])
async def test_wrong_parameters_are_named(rep: httpx.AsyncClient, name: str) -> None:
    answer = await rep.get(PATH, params={name: "5"} if name != "excel" else {name: "perhaps"})
    (error,) = require_problem(answer, 422)["errors"]
    assert error["pointer"].startswith(f"?{name}")


async def test_each_exports_what_they_see_and_names_what_they_see(
    service: Kit, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "PAGE_ROWS", 2)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.other_rep.id)
    events = [*deal.create(), *deal.move("Proposal")]
    await keep_replicas(events, service.database)
    await note_deal_moves(events, service.database, SystemClock())
    admin = service.client(tenant.admin)
    for number in range(5):
        await log(admin, user_id=str(tenant.rep.id), deal_id=str(deal.id), subject=str(number))
    stranger = await service.seed_tenant()
    counts, names = [], []
    for person in (tenant.admin, tenant.manager, tenant.rep, tenant.other_rep, stranger.admin):
        rows = read(await service.client(person).get(PATH, params={"sort": "created_at"}))
        assert [row["subject"] for row in rows if row["subject"]] == [str(n) for n in range(5 if rows else 0)]
        counts.append(len(rows))
        names.append({row["deal"] for row in rows})
    assert counts == [6, 5, 5, 6, 0]
    assert names == [{"Acme renewal"}, {""}, {""}, {"Acme renewal"}, set()]
    kinds = read(await admin.get(PATH, params={"fields": "system_kind"}))
    assert [row["system_kind"] for row in kinds if row["system_kind"]] == ["deal_moved"]
