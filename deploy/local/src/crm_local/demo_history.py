"""What the demo tenant's reps did in the weeks before: deals opened, won and lost, calls, mails, quotas.

So that every report has something to say. All of it is dated from the moment at which it was first begun, and told in
the order in which it happened, so that an interrupted load can be run again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_local.demo_arrivals import POLL_S, SEEN_WITHIN_S
from crm_local.demo_suites import DemoFailed, DemoSuite
from crm_local.demo_tenant import REPS, TIME_ZONE, DemoClient, DemoTenant, contact_email

Users = Mapping[str, UUID]


@dataclass(frozen=True, slots=True)
class PastDeal:
    """`moves`: (stage, days ago). `closes_in`: days until an open one's close date."""

    name: str
    rep: int
    contact: int
    amount: str
    created: int
    moves: tuple[tuple[str, int], ...]
    lost_reason: str | None = None
    closes_in: int = 0


RAVI, ROSA = range(len(REPS))
DEALS: Final = (
    PastDeal(
        "Acme warehouse sensors", RAVI, 0, "18000.00", 42,
        (("Discovery", 38), ("Proposal", 29), ("Negotiation", 20), ("Closed Won", 12)),
    ),
    PastDeal(
        "Nordwind route planning", ROSA, 1, "26500.00", 55,
        (("Discovery", 49), ("Proposal", 27), ("Closed Lost", 16)), "Chose a competitor",
    ),
    PastDeal("Nordwind tyre sensors", RAVI, 1, "14200.00", 28, (("Discovery", 22), ("Closed Lost", 5)), "No budget"),
    PastDeal(
        "Solène table booking", ROSA, 2, "5400.00", 24, (("Discovery", 21), ("Proposal", 15), ("Closed Won", 3)),
    ),
    PastDeal(
        "Acme service contract", RAVI, 3, "9600.00", 19, (("Proposal", 12), ("Negotiation", 6), ("Closed Won", 0)),
    ),
    PastDeal("Solène gift cards", ROSA, 2, "7800.00", 17, (("Discovery", 11), ("Proposal", 4)), closes_in=9),
    PastDeal("Nordwind depot cameras", ROSA, 1, "31000.00", 13, (("Discovery", 9), ("Negotiation", 2)), closes_in=0),
)  # fmt: skip
# (deal, hours ago, what): each is of the deal's owner. What a mail answers is the one before it.
ACTIVITIES: Final[tuple[tuple[int, int, dict[str, Any]], ...]] = (
    (0, 700, {"type": "CALL", "direction": "OUTBOUND", "duration_s": 540, "outcome": "CONNECTED"}),
    (0, 500, {"type": "EMAIL", "direction": "INBOUND", "subject": "Which sensors fit hall 2?"}),
    (0, 498, {"type": "EMAIL", "direction": "OUTBOUND", "subject": "Re: Which sensors fit hall 2?"}),
    (2, 400, {"type": "CALL", "direction": "OUTBOUND", "duration_s": 20, "outcome": "VOICEMAIL"}),
    (3, 300, {"type": "MEETING", "subject": "Tasting and demo"}),
    (3, 200, {"type": "CALL", "direction": "INBOUND", "duration_s": 260, "outcome": "CONNECTED"}),
    (4, 160, {"type": "EMAIL", "direction": "INBOUND", "subject": "Terms of service"}),
    (4, 151, {"type": "EMAIL", "direction": "OUTBOUND", "subject": "Re: Terms of service"}),
    (4, 130, {"type": "EMAIL", "direction": "OUTBOUND", "subject": "The contract, as agreed"}),
    (4, 124, {"type": "EMAIL", "direction": "INBOUND", "subject": "Re: The contract, as agreed"}),
    (4, 123, {"type": "EMAIL", "direction": "OUTBOUND", "subject": "Re: The contract, as agreed"}),
    (4, 110, {"type": "TASK", "subject": "Send two signed copies"}),
    (4, 100, {"type": "NOTE", "body": "Legal has no objections"}),
    (5, 96, {"type": "EMAIL", "direction": "INBOUND", "subject": "Cards in two languages?"}),
    (5, 68, {"type": "EMAIL", "direction": "OUTBOUND", "subject": "Re: Cards in two languages?"}),
    (6, 50, {"type": "CALL", "direction": "OUTBOUND", "duration_s": 1320, "outcome": "CONNECTED"}),
    (6, 20, {"type": "EMAIL", "direction": "INBOUND", "subject": "Can you start in January?"}),
)
QUOTAS: Final = ("30000.00", "25000.00")
"""Of each rep, for the present month and the two that follow."""
QUOTA_MONTHS: Final = 3


def load(suite: DemoSuite, tenant: DemoTenant, moment: datetime) -> None:
    """Tell the services the weeks before `moment`, and wait until reports know.

    Raises DemoFailed; LookupError where somebody has taken away what the demo made.
    """
    admin = DemoClient(suite, suite.token(tenant.tenant_id, tenant.admin_id))
    users = {user["email"]: UUID(user["id"]) for user in admin.get("contacts", "/v1/users")["items"]}
    reps = [users[rep["email"]] for rep in REPS]
    deal_ids = _load_deals(admin, reps, moment)
    _move_deals(admin, deal_ids, moment)
    clients = [DemoClient(suite, suite.token(tenant.tenant_id, rep)) for rep in reps]
    _load_activities(clients, deal_ids, moment)
    _set_quotas(admin, reps, moment)
    _wait_reported(admin, moment)


def _load_deals(admin: DemoClient, reps: list[UUID], moment: datetime) -> list[str]:
    items = []
    for at, deal in enumerate(DEALS):
        contact = admin.get("contacts", "/v1/contacts", email=contact_email(deal.contact))["items"][0]
        items.append(
            {
                "external_id": f"demo-past-{at}",
                "name": deal.name,
                "contact_id": contact["id"],
                "company_id": contact["company_id"],
                "owner_id": str(reps[deal.rep]),
                "amount": deal.amount,
                "currency": "EUR",
                "close_date": str(_day(moment) + timedelta(days=deal.closes_in)),
                "created_at": _write(moment - timedelta(days=deal.created)),
            }
        )
    body = {"mode": "upsert", "id_property": "external_id", "items": items}
    answer = admin.post("deals", "/v1/deals/batch", body, key=f"demo-past-deals-{_write(moment)}")
    if any("id" not in item or item["id"] is None for item in answer["items"]):
        raise DemoFailed(f"deals refuses some of the past: {answer['items']}")
    return [item["id"] for item in answer["items"]]


def _move_deals(admin: DemoClient, deal_ids: list[str], moment: datetime) -> None:
    pipelines = admin.get("deals", "/v1/pipelines")["items"]
    stages = [stage for pipeline in pipelines if pipeline["is_default"] for stage in pipeline["stages"]]
    stage_ids = {stage["name"]: stage["id"] for stage in stages}
    for at, deal in enumerate(DEALS):
        for stage, days_ago in deal.moves:
            body = {"stage_id": stage_ids[stage], "changed_at": _write(moment - timedelta(days=days_ago))}
            if stage == "Closed Lost":
                body["lost_reason"] = deal.lost_reason
            admin.post("deals", f"/v1/deals/{deal_ids[at]}/move", body, key=f"demo-past-{at}-{stage}")


def _load_activities(clients: list[DemoClient], deal_ids: list[str], moment: datetime) -> None:
    before = None
    for at, (deal, hours_ago, what) in enumerate(ACTIVITIES):
        body = {**what, "deal_id": deal_ids[deal], "occurred_at": _write(moment - timedelta(hours=hours_ago))}
        if what.get("subject", "").startswith("Re: "):
            body["in_reply_to"] = before
        if what["type"] == "TASK":
            body["completed_at"] = body["occurred_at"]
        client = clients[DEALS[deal].rep]
        before = client.post("activities", "/v1/activities", body, key=f"demo-past-activity-{at}")["id"]


def _set_quotas(admin: DemoClient, reps: list[UUID], moment: datetime) -> None:
    first = _day(moment).replace(day=1)
    for _ in range(QUOTA_MONTHS):
        for rep, amount in zip(reps, QUOTAS, strict=True):
            admin.put("reporting", "/v1/quotas", {"user_id": str(rep), "month": f"{first:%Y-%m}", "amount": amount})
        first = (first + timedelta(days=31)).replace(day=1)


def _wait_reported(admin: DemoClient, moment: datetime) -> None:
    window = {"from": str(_day(moment) - timedelta(days=max(deal.created for deal in DEALS)))}
    closed = sum(deal.moves[-1][0].startswith("Closed") for deal in DEALS)
    give_up_at_s = time.monotonic() + SEEN_WITHIN_S
    while True:
        rates = admin.get("reporting", "/v1/reports/win-rate", **window)["items"]
        days = admin.get("reporting", "/v1/reports/activity-metrics", **window)["items"]
        if sum(row["won"] + row["lost"] for row in rates) >= closed and days:
            return
        if time.monotonic() > give_up_at_s:
            raise DemoFailed(f"the past was not reported within {SEEN_WITHIN_S:.0f} s: crm status, crm logs")
        time.sleep(POLL_S * 20)


def _day(moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(TIME_ZONE)).date()


def _write(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
