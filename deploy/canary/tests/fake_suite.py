"""The suite's public API as the canary knows it, in memory: what each part shows can be held back."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

STAGES: Final = [
    {"id": "lost", "kind": "LOST"},
    {"id": "one", "kind": "OPEN"},
    {"id": "two", "kind": "OPEN"},
    {"id": "three", "kind": "OPEN"},
]
TOKEN: Final = "good"


@dataclass
class FakeSuite:
    """`away`: services that answer 503; `garbled`: that answer what is not gzip as if it were.

    `stuck`: parts that stand where they are. `token` is the one that is taken.
    """

    token: str = TOKEN
    away: set[str] = field(default_factory=set)
    garbled: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    deals: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: list[dict[str, str]] = field(default_factory=lambda: list(STAGES))
    notes: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] | None = None
    counted_in: str | None = None
    deliver: Callable[[dict[str, str], bytes], object] = lambda _headers, _body: None
    now: datetime = datetime(2026, 11, 30, 8, tzinfo=UTC)

    def answer(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host
        if service in self.away:
            return httpx.Response(503, json={"title": "away"})
        if service in self.garbled:
            return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"{}")
        if request.headers["Authorization"] != f"Bearer {self.token}":
            return httpx.Response(401, json={"title": "bad token"})
        return getattr(self, f"_answer_{service}")(request)  # type: ignore[no-any-return]

    def _answer_deals(self, request: httpx.Request) -> httpx.Response:
        status, body = self._act(request)
        return httpx.Response(status) if body is None else httpx.Response(status, json=body)

    def _act(self, request: httpx.Request) -> tuple[int, Any]:
        answer: tuple[int, Any]
        match request.method, request.url.path.split("/")[2:]:
            case "GET", ["pipelines"]:
                answer = 200, {"items": [{"is_default": True, "stages": self.stages}]}
            case "GET", ["deals"]:
                wanted = request.url.params["external_id"]
                answer = 200, {"items": [one for one in self.deals.values() if one["external_id"] == wanted]}
            case "POST", ["deals"]:
                answer = 201, self._make_deal(json.loads(request.content))
            case "GET", ["deals", deal_id]:
                answer = (200, self.deals[deal_id]) if deal_id in self.deals else (404, {})
            case "DELETE", ["deals" | "webhooks", record_id]:
                gone = self.deals.pop(record_id, None) or self.webhooks.pop(record_id, None)
                answer = (404 if gone is None else 204), None
            case "POST", ["deals", deal_id, "move"]:
                answer = self._move(deal_id, json.loads(request.content)["stage_id"])
            case "GET", ["webhooks"]:
                answer = 200, {"items": list(self.webhooks.values())}
            case "POST", ["webhooks"]:
                webhook = {**json.loads(request.content), "id": str(uuid.uuid4()), "active": True}
                self.webhooks[webhook["id"]] = webhook
                answer = 201, webhook
            case asked:
                raise AssertionError(asked)
        return answer

    def _make_deal(self, body: dict[str, Any]) -> dict[str, Any]:
        deal = {**body, "id": str(uuid.uuid4()), "version": 1, "stage_changed_at": self.now.isoformat()}
        self.deals[deal["id"]] = deal
        self.counted_in = deal["stage_id"]
        return deal

    def _move(self, deal_id: str, stage_id: str) -> tuple[int, Any]:
        deal = self.deals.get(deal_id)
        if deal is None:
            return 404, {"title": "no such deal"}
        if stage_id not in {stage["id"] for stage in self.stages}:
            return 422, {"title": "no such stage"}
        self.now += timedelta(seconds=10)
        deal |= {"stage_id": stage_id, "version": deal["version"] + 1, "stage_changed_at": self.now.isoformat()}
        self._project(deal)
        return 200, deal

    def _project(self, deal: dict[str, Any]) -> None:
        if "activities" not in self.stuck:
            note = {"occurred_at": deal["stage_changed_at"], "facts": {"to_stage": {"id": deal["stage_id"]}}}
            self.notes.insert(0, note)
        if "search" not in self.stuck:
            self.found = {"id": deal["id"], "record": {"version": deal["version"], "stage_id": deal["stage_id"]}}
        if "reporting" not in self.stuck:
            self.counted_in = deal["stage_id"]
        for webhook in self.webhooks.values() if "webhook" not in self.stuck else ():
            body = json.dumps({"subject": deal["id"], "sequence": str(deal["version"])}).encode()
            self.deliver(sign(webhook["secret"], body), body)

    def _answer_activities(self, request: httpx.Request) -> httpx.Response:
        del request
        return httpx.Response(200, json={"items": self.notes[:1]})

    def _answer_search(self, request: httpx.Request) -> httpx.Response:
        hit = self.found
        is_hit = hit is not None and hit["record"]["stage_id"] == request.url.params["stage_id"]
        return httpx.Response(200, json={"items": [hit] if is_hit else []})

    def _answer_reporting(self, request: httpx.Request) -> httpx.Response:
        del request
        rows = [{"stage_id": one["id"], "deal_count": int(one["id"] == self.counted_in)} for one in self.stages]
        return httpx.Response(200, json={"items": rows})


def sign(secret: str, body: bytes) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, b".".join((b"m", b"1", body)), hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": f"v1,AAAA {signature}"}
