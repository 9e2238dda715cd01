"""`crm demo`: moves a deal and merges a contact entered twice; times how long until each is seen everywhere."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from crm_local import demo_history, demo_merge
from crm_local.demo_arrivals import POLL_S, say_arrivals
from crm_local.demo_suites import DemoFailed, DemoSuite, LocalSuite
from crm_local.demo_tenant import (
    ADMIN_EMAIL,
    REPS,
    DemoClient,
    DemoTenant,
    ensure_tenant,
    find_tenant_id,
    read_known,
    remember,
)
from crm_local.issuer import ExternalIssuer
from crm_local.plan import Plan

__all__ = ["DemoFailed", "LocalSuite", "run", "suggestions"]

KNOWN_EVERYWHERE_WITHIN_S = 30.0
READ_BY_ANYONE = {
    "contacts": "/v1/me",
    "deals": "/v1/pipelines",
    "activities": "/v1/activities",
    "search": "/v1/search?q=acme",
    "reporting": "/v1/reports/pipeline",
}
"""By service, a path that answers every user whom the service knows."""


def run(suite: DemoSuite, say: Callable[[str], None]) -> None:
    """Load the demo tenant unless it is there, then show and time what the suite does. Raises DemoFailed."""
    try:
        tenant = ensure_tenant(suite)
        client = DemoClient(suite, tenant.token)
        _wait_known(client)
        _move(suite, client, tenant, say)
        demo_merge.show(suite, client, tenant, say)
        make_history(suite, tenant, say)
    except (httpx.TransportError, ExternalIssuer) as error:
        raise DemoFailed(f"the demo could not run: {error}") from error


def make_history(suite: DemoSuite, tenant: DemoTenant, say: Callable[[str], None]) -> None:
    """Tell the demo tenant's past unless that was done. Raises DemoFailed.

    After the move, which is counted meanwhile. The moment is kept: an interrupted load is gone on with as it began.
    """
    known = read_known(suite.home)
    if "history_loaded_at" in known:
        return
    now = datetime.now(UTC).isoformat()
    moment = datetime.fromisoformat(remember(suite.home, **{"history_at": now, **known})["history_at"])
    try:
        demo_history.load(suite, tenant, moment)
    except LookupError as error:
        say(f"the demo tenant is no longer as it was made, its past stays untold ({error})")
    else:
        say(f"eight weeks of deals, calls, mails and quotas are there: {suite.reports}")
    remember(suite.home, history_loaded_at=now)


def suggestions(plan: Plan) -> list[str]:
    """List lines to paste into a shell next."""
    tenant_id = find_tenant_id(plan.home)
    if tenant_id is None:
        return [
            "Make a tenant:  ./crm tenant create --name Acme --admin-email you@acme.example",
            "Then a token:   ./crm token --tenant <tenant_id> --user you@acme.example",
        ]
    get = 'curl -s -H "Authorization: Bearer $TOKEN"'
    return [
        "Try:",
        f"  TOKEN=$(./crm token --tenant {tenant_id} --user {REPS[0]['email']})",
        f"  {get} {plan.api_url('deals')}/v1/deals",
        f"  {get} '{plan.api_url('search')}/v1/search?q=acme'",
        f"  {get} {plan.api_url('reporting')}/v1/reports/pipeline",
        "  ./crm report forecast",
        f"  ./crm demo      # once more; the tenant's ADMIN is {ADMIN_EMAIL}",
    ]


def _wait_known(client: DemoClient) -> None:
    """Wait until the user is known to the other services: made a moment ago, their event may be on its way."""
    deadline = time.monotonic() + KNOWN_EVERYWHERE_WITHIN_S
    for service, path in READ_BY_ANYONE.items():
        while (status := client.status(service, path)) != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise DemoFailed(f"{service} answers {status} to {path}")
            time.sleep(POLL_S * 10)


def _move(suite: DemoSuite, client: DemoClient, tenant: DemoTenant, say: Callable[[str], None]) -> None:
    deal = client.get("deals", f"/v1/deals/{tenant.deal_id}")
    pipeline = client.get("deals", f"/v1/pipelines/{deal['pipeline_id']}")
    present, target = _choose_stages(pipeline["stages"], deal["stage_id"])
    notes = {item["id"] for item in _timeline(client, tenant)}
    counted = _count(client, deal["pipeline_id"], target["id"])

    began_s = time.monotonic()
    client.post("deals", f"/v1/deals/{tenant.deal_id}/move", {"stage_id": target["id"]}, key=f"demo-move-{began_s}")
    answered_ms = (time.monotonic() - began_s) * 1000
    note = f"Deal moved from {present['name']} to {target['name']}"
    say(f"{deal['name']}: {note[5:]}, answered in {answered_ms:.0f} ms; seen, counted from the call, in")

    seen: dict[str, Callable[[DemoClient], bool]] = {
        "timeline": lambda its: any(
            item["id"] not in notes and item["body"] == note for item in _timeline(its, tenant)
        ),
        "search": lambda its: any(
            item["id"] == str(tenant.deal_id) and item["record"]["stage_name"] == target["name"]
            for item in its.get("search", "/v1/search", q=deal["name"], type="deal")["items"]
        ),
        "report": lambda its: _count(its, deal["pipeline_id"], target["id"]) == counted + 1,
    }
    say_arrivals(suite, tenant.token, seen, began_s, say)


def _choose_stages(stages: list[Any], present_id: str) -> tuple[Any, Any]:
    """Return the deal's stage and the next open one, the first again after the last."""
    present = next(stage for stage in stages if stage["id"] == present_id)
    still_open = [stage for stage in stages if stage["kind"] == "OPEN"]
    at = still_open.index(present) if present in still_open else -1
    return present, still_open[(at + 1) % len(still_open)]


def _timeline(client: DemoClient, tenant: DemoTenant) -> list[Any]:
    items: list[Any] = client.get("activities", f"/v1/timelines/deals/{tenant.deal_id}", limit="10")["items"]
    return items


def _count(client: DemoClient, pipeline_id: str, stage_id: str) -> int:
    rows = client.get("reporting", "/v1/reports/pipeline", pipeline_id=pipeline_id)["items"]
    return int(next(row["deal_count"] for row in rows if row["stage_id"] == stage_id))
