"""GET /v1/reports/response-times: what counts as the reply, blocks, windows, what waits, and for whom."""

from datetime import timedelta
from typing import Any

import pytest
from services.reporting.tests.integration.mail_stories import NOON, Mailbox, Reporting

from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.people import Person

pytestmark = pytest.mark.engines

URL = "/v1/reports/response-times"
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}
FROM_THE_11TH: dict[str, Any] = {"from": "2026-11-11"}
DAY_H = 24


async def read(mailbox: Mailbox, person: Person | None = None, **parameters: Any) -> list[dict[str, Any]]:
    client = mailbox.reporting.client(person or mailbox.tenant.admin)
    items: list[dict[str, Any]] = require_ok(await client.get(URL, params=NOVEMBER | parameters))["items"]
    return items


async def read_one(mailbox: Mailbox, **parameters: Any) -> tuple[Any, ...]:
    """Return answered, median and 90th percentile in hours, and unanswered, of the only rep there is."""
    [item] = await read(mailbox, **parameters)
    hours = [None if item[name] is None else item[name] / 3600 for name in ("median_s", "p90_s")]
    return item["answered"], *hours, item["unanswered"]


async def test_messages_with_one_reply_are_one_block_from_the_first(mailbox: Mailbox) -> None:
    thread = new_id()
    for hours, direction in enumerate(("INBOUND", "INBOUND", "OUTBOUND", "OUTBOUND", "INBOUND", "OUTBOUND", "INBOUND")):
        await mailbox.log(direction, hours, thread)

    assert await read_one(mailbox) == (2, 1.5, 1.9, 1)  # waits of 2 hours and of 1
    [item] = await read(mailbox)
    assert item["oldest_unanswered_at"] == "2026-11-10T18:00:00Z"


async def test_the_threads_own_reply_counts_however_late_and_before_any_other(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 0, thread)
    await mailbox.log("OUTBOUND", 1)  # to the same contact, of another thread
    await mailbox.log("OUTBOUND", 10 * DAY_H, thread)
    assert await read_one(mailbox) == (1, 240, 240, 0)


async def test_else_the_next_to_any_of_the_contacts_within_seven_days(mailbox: Mailbox) -> None:
    other = new_id()
    await mailbox.log("INBOUND", 0, contact_ids=[mailbox.contact_id, other])
    await mailbox.log("OUTBOUND", -1)
    await mailbox.log("OUTBOUND", 4, contact_ids=[new_id()])
    await mailbox.log("OUTBOUND", 7 * DAY_H, contact_ids=[new_id(), other])
    assert await read_one(mailbox) == (1, 168, 168, 0)

    late = new_id()
    await mailbox.log("INBOUND", 0, contact_ids=[late])
    await mailbox.log("OUTBOUND", 7 * DAY_H + 0.001, contact_ids=[late])
    assert await read_one(mailbox) == (1, 168, 168, 1)


async def test_one_reply_counts_once_for_messages_of_two_threads(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 0, user_id=mailbox.tenant.other_rep.id)
    await mailbox.log("INBOUND", 1, thread)
    await mailbox.log("OUTBOUND", 2, thread)
    [item] = await read(mailbox)
    assert (item["user_id"], item["answered"], item["median_s"]) == (str(mailbox.tenant.other_rep.id), 1, 7200)


async def test_a_block_is_of_the_window_of_its_first_message(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 0, thread)
    await mailbox.log("INBOUND", DAY_H, thread)
    await mailbox.log("OUTBOUND", 2 * DAY_H, thread)
    await mailbox.log("INBOUND", 3 * DAY_H, thread)
    assert await read_one(mailbox, to="2026-11-10") == (1, 48, 48, 1)  # what waits does so whatever the window
    assert await read_one(mailbox, **FROM_THE_11TH) == (0, None, None, 1)


async def test_days_are_those_of_the_reports_zone(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 11.5, thread)  # 23:30 in London, 00:30 of the 11th in Berlin
    await mailbox.log("OUTBOUND", 12, thread)
    assert await read_one(mailbox, **FROM_THE_11TH, to="2026-11-11") == (1, 0.5, 0.5, 0)
    assert await read(mailbox, **FROM_THE_11TH, to="2026-11-11", time_zone="Europe/London") == []


async def test_automatic_and_deleted_mail_is_neither_message_nor_reply(mailbox: Mailbox) -> None:
    thread = new_id()
    await mailbox.log("INBOUND", 0, thread, is_automatic=True)
    await mailbox.log("INBOUND", 1, thread)
    await mailbox.log("OUTBOUND", 2, thread, is_automatic=True)
    await mailbox.log("OUTBOUND", 3, thread, deleted_at=NOON + timedelta(days=1))
    await mailbox.log("OUTBOUND", 5, thread, type="CALL")
    await mailbox.log("OUTBOUND", 6, thread)
    assert await read_one(mailbox) == (1, 5, 5, 0)


async def test_a_reply_out_of_sight_answers_nobodys_message(mailbox: Mailbox) -> None:
    """What a colleague whose records one does not see has done moves no figure of one's own."""
    tenant, thread = mailbox.tenant, new_id()
    await mailbox.log("INBOUND", 0, thread)
    await mailbox.log("OUTBOUND", 1, thread, user_id=tenant.other_rep.id)
    seen = {person.id: await read(mailbox, person) for person in tenant.people}
    figures = {key: [(item["answered"], item["unanswered"]) for item in items] for key, items in seen.items()}
    assert figures == {
        tenant.admin.id: [(1, 0)],
        tenant.manager.id: [(0, 1)],
        tenant.rep.id: [(0, 1)],
        tenant.other_rep.id: [],
    }


async def test_strangers_and_the_unheard_of_have_no_times(mailbox: Mailbox, reporting: Reporting) -> None:
    await mailbox.log("INBOUND", 0, user_id=None)
    assert await read(mailbox) == []
    await mailbox.log("INBOUND", 0)
    strangers = await reporting.seed_tenant()
    assert require_ok(await reporting.client(strangers.admin).get(URL))["items"] == []


async def test_csv(mailbox: Mailbox) -> None:
    await mailbox.log("INBOUND", 0)
    answer = await mailbox.reporting.client(mailbox.tenant.admin).get(
        URL, params=NOVEMBER, headers={"Accept": "text/csv"}
    )
    assert answer.text.splitlines() == [
        "user_id,answered,median_s,p90_s,unanswered,oldest_unanswered_at",
        f"{mailbox.tenant.rep.id},0,,,1,2026-11-10T12:00:00Z",
    ]
    assert answer.headers["Crm-Source"] == "primary"
