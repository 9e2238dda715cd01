"""An org change shows in every list, count, report and search: who is promoted sees more, who leaves sees nothing.

How long each took is logged and not asserted: that a second is enough holds on a machine that does nothing else.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, Tenant, User, eventually

pytestmark = pytest.mark.engines

logger = structlog.get_logger(__name__)
SURNAME = "Quist"


@dataclass
class Owned:
    """One of each kind that a person owns, all under the same surname."""

    contact: Json
    company: Json
    deal: Json
    note: Json
    task: Json


class Org:
    """`people` by name; everybody owns one of each kind."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.people: dict[str, User] = {}
        self.owned: dict[str, Owned] = {}

    async def add(self, name: str, role: str, *, manager: str | None = None) -> None:
        user = await self.tenant.add_user(name, role, manager=self.people[manager] if manager else None)
        title = f"{name.title()} {SURNAME}"
        company = await user.post("contacts", "/v1/companies", {"name": title})
        person = {"first_name": name.title(), "last_name": SURNAME, "company_id": company["id"]}
        contact = await user.post("contacts", "/v1/contacts", person)
        deal = await user.post("deals", "/v1/deals", {"name": title, "amount": "10.00", "contact_id": contact["id"]})
        note = {"type": "NOTE", "deal_id": deal["id"], "subject": title}
        self.people[name] = user
        self.owned[name] = Owned(
            contact,
            company,
            deal,
            await user.post("activities", "/v1/activities", note),
            await user.post("activities", "/v1/activities", {**note, "type": "TASK"}),
        )

    async def change(self, name: str, **fields: Any) -> None:
        user_id = self.people[name].id
        answer = await self.tenant.admin.call("contacts", "PATCH", f"/v1/users/{user_id}", json=fields)
        assert answer.status_code == httpx.codes.OK, answer.text

    # What a person sees, by the names of those to whom it was given at first

    def _names(self, kind: str, ids: set[str]) -> set[str]:
        return {name for name, owned in self.owned.items() if getattr(owned, kind)["id"] in ids}

    def views(self, viewer: str) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return each way to look: those of sets answer names, the board's and the report's how many deals."""
        user = self.people[viewer]

        async def listed(service: str, path: str, kind: str, **parameters: str) -> set[str]:
            page = await user.get(service, path, limit=200, **parameters)
            return self._names(kind, {item["id"] for item in page["items"]})

        async def timelines() -> set[str]:
            seen = set()
            for name, owned in self.owned.items():
                path = f"/v1/timelines/contacts/{owned.contact['id']}"
                answer = await user.call("activities", "GET", path)
                assert answer.status_code in {httpx.codes.OK, httpx.codes.NOT_FOUND}, answer.text
                if answer.is_success:
                    assert owned.note["id"] in {item["id"] for item in answer.json()["items"]}
                    seen.add(name)
            return seen

        async def deal_count(read: Callable[[], Awaitable[Mapping[str, tuple[int, str]]]]) -> int:
            return sum(count for count, _ in (await read()).values())

        return {
            "contacts": lambda: listed("contacts", "/v1/contacts", "contact"),
            "companies": lambda: listed("contacts", "/v1/companies", "company"),
            "deals": lambda: listed("deals", "/v1/deals", "deal"),
            "board": lambda: deal_count(user.board),
            "activities": lambda: listed("activities", "/v1/activities", "note", type="NOTE"),
            "timelines": timelines,
            "search": lambda: listed("search", "/v1/search", "deal", q=SURNAME, type="deal"),
            "suggest": lambda: listed_suggestions(user, self),
            "report": lambda: deal_count(user.report),
        }

    async def require_seen(
        self, change: str, sights: Mapping[str, set[str]], *, but: frozenset[str] = frozenset()
    ) -> None:
        """Wait until each viewer sees what they should, in all views `but` these, and log what the slowest took."""
        began_s = time.monotonic()
        took_ms: dict[str, int] = {}

        async def watch(view: str, look: Callable[[], Awaitable[object]], names: set[str]) -> None:
            wanted = len(names) if view in {"board", "report"} else names
            await eventually(look, wanted)
            took_ms[view] = max(took_ms.get(view, 0), round((time.monotonic() - began_s) * 1000))

        async with asyncio.TaskGroup() as group:
            for viewer, names in sights.items():
                for view, look in self.views(viewer).items():
                    if view not in but:
                        group.create_task(watch(view, look, names))
        logger.info("org_change_shown", change=change, **dict(sorted(took_ms.items())))

    async def require_shut_out(self, change: str, name: str) -> None:
        """Wait until every service refuses them."""
        began_s = time.monotonic()
        took_ms: dict[str, int] = {}

        async def watch(service: str, path: str) -> None:
            async def status() -> int:
                return (await self.people[name].call(service, "GET", path)).status_code

            await eventually(status, httpx.codes.UNAUTHORIZED)
            took_ms[service] = round((time.monotonic() - began_s) * 1000)

        async with asyncio.TaskGroup() as group:
            for service, path in {
                "contacts": "/v1/contacts",
                "deals": "/v1/deals",
                "activities": "/v1/activities",
                "search": f"/v1/search?q={SURNAME}",
                "reporting": "/v1/reports/pipeline",
            }.items():
                group.create_task(watch(service, path))
        logger.info("leaver_shut_out", change=change, **took_ms)


async def listed_suggestions(user: User, org: Org) -> set[str]:
    page = await user.get("search", "/v1/search/suggest", q=SURNAME, type="contact", limit=20)
    ids = {item["id"] for item in page["items"]}
    return {name for name, owned in org.owned.items() if owned.contact["id"] in ids}


@pytest.fixture
async def org(crm: RunningCrm, tenant: Tenant) -> Org:
    """Jo reports to Rae, a REP, and Rae to Mia, a MANAGER, who sees direct reports; nobody reports to Otto."""
    org = Org(tenant)
    await org.add("mia", "MANAGER")
    await org.add("otto", "MANAGER")
    await org.add("rae", "REP", manager="mia")
    await org.add("jo", "REP", manager="rae")
    await crm.drain()
    await org.require_seen("none yet", {"mia": {"mia", "rae"}, "otto": {"otto"}, "rae": {"rae"}, "jo": {"jo"}})
    return org


async def test_promoted_and_demoted(org: Org) -> None:
    await org.change("rae", role="MANAGER")
    await org.require_seen("promoted to MANAGER", {"rae": {"rae", "jo"}, "mia": {"mia", "rae"}})

    await org.change("rae", role="REP")
    await org.require_seen("demoted to REP", {"rae": {"rae"}})

    await org.change("rae", role="ADMIN")
    await org.require_seen("promoted to ADMIN", {"rae": {"mia", "otto", "rae", "jo"}})

    await org.change("rae", role="REP")
    await org.require_seen("demoted from ADMIN", {"rae": {"rae"}})


async def test_a_subtree_moves(org: Org) -> None:
    otto, mia = str(org.people["otto"].id), str(org.people["mia"].id)

    await org.change("rae", manager_id=otto)
    await org.require_seen("moved, direct reports", {"mia": {"mia"}, "otto": {"otto", "rae"}})

    scope = {"manager_scope": "SUBTREE"}
    assert (await org.tenant.admin.call("contacts", "PATCH", "/v1/tenant", json=scope)).is_success
    await org.require_seen("whole subtree", {"mia": {"mia"}, "otto": {"otto", "rae", "jo"}})

    await org.change("rae", manager_id=mia)
    await org.require_seen("moved, whole subtree", {"mia": {"mia", "rae", "jo"}, "otto": {"otto"}})

    await org.change("rae", manager_id=None)
    await org.require_seen("moved to the top", {"mia": {"mia"}, "rae": {"rae"}})


async def test_who_leaves_is_out_and_hands_everything_over(crm: RunningCrm, org: Org) -> None:
    admin, otto, mia = org.tenant.admin, org.people["otto"], org.people["mia"]
    await org.change("jo", active=False)
    await org.require_shut_out("deactivated", "jo")

    await org.change("rae", active=False, successor_id=str(otto.id))
    await org.require_seen("handed over", {"otto": {"otto", "rae"}})
    # What Rae did stays Rae's, and so in the list of whom Rae reported to.
    await org.require_seen("handed over, the former manager", {"mia": {"mia"}}, but=frozenset({"activities"}))
    await org.require_shut_out("deactivated with a successor", "rae")
    await crm.drain()

    async def read_owners() -> dict[str, tuple[str, int]]:
        owned, owners = org.owned["rae"], {}
        for service, path, record, field in (
            ("contacts", "contacts", owned.contact, "owner_id"),
            ("contacts", "companies", owned.company, "owner_id"),
            ("deals", "deals", owned.deal, "owner_id"),
            ("activities", "activities", owned.task, "user_id"),
            ("activities", "activities", owned.note, "user_id"),
        ):
            found = await admin.get(service, f"/v1/{path}/{record['id']}")
            owners[f"{path} {record.get('type', '')}".strip()] = (found[field], found["version"])
        return owners

    theirs, done = str(otto.id), str(org.people["rae"].id)
    expected = {
        "contacts": (theirs, 2),
        "companies": (theirs, 2),
        "deals": (theirs, 2),
        "activities TASK": (theirs, 2),
        "activities NOTE": (done, 1),
    }
    assert await read_owners() == expected

    await crm.redeliver()
    await crm.drain()
    assert await read_owners() == expected

    # The successor leaves too: what was Rae's goes on with what was theirs.
    await org.change("otto", active=False, successor_id=str(mia.id))
    await org.require_seen("handed over again", {"mia": {"mia", "otto", "rae"}})
