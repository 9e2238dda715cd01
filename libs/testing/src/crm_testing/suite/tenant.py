"""A tenant in a running suite, and its people as HTTP clients."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

Json = dict[str, Any]
EVENTUALLY_S = 90.0
# The first looks come quickly, later ones seldom: asking takes from the very processes that are waited for.
FIRST_LOOK_S, LAST_LOOK_S = 0.02, 0.25


async def eventually(read: Callable[[], Awaitable[Any]], wanted: Any, *, within_s: float = EVENTUALLY_S) -> None:
    """Read until it is as wanted. Fails with what it last was."""
    give_up_at_s = time.monotonic() + within_s
    pause_s = FIRST_LOOK_S
    while (last := await read()) != wanted:
        assert time.monotonic() < give_up_at_s, f"after {within_s} s: {last!r}, wanted {wanted!r}"
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LAST_LOOK_S)


@dataclass
class User:
    """One user, who may call any service. `retrying` makes writes safe to repeat while processes are killed."""

    id: UUID
    token: str
    urls: Mapping[str, str]
    client: httpx.AsyncClient

    async def call(
        self, service: str, method: str, path: str, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.client.request(method, self.urls[service] + path, headers=headers, **more)

    async def get(self, service: str, path: str, **parameters: Any) -> Json:
        answer = await self.call(service, "GET", path, params=parameters)
        assert answer.status_code == httpx.codes.OK, f"{answer.status_code}: {answer.text}"
        body: Json = answer.json()
        return body

    async def post(self, service: str, path: str, body: Json) -> Json:
        answer = await self.call(service, "POST", path, json=body)
        assert answer.is_success, f"{answer.status_code}: {answer.text}"
        created: Json = answer.json()
        return created

    async def post_batch(self, service: str, path: str, body: Json) -> Json:
        """POST a batch, and again where it is told to come later: readers may be far behind on a busy machine."""
        while True:
            answer = await self.call(service, "POST", path, json=body)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                assert answer.is_success, f"{answer.status_code}: {answer.text}"
                written: Json = answer.json()
                return written
            await asyncio.sleep(int(answer.headers["retry-after"]))

    async def post_surely(self, service: str, path: str, body: Json, *, within_s: float = 120.0) -> Json:
        """Repeat a POST with one Idempotency-Key until it is answered: what a careful client does in bad weather."""
        key, give_up_at_s = uuid4().hex, time.monotonic() + within_s
        while True:
            try:
                answer = await self.call(service, "POST", path, key=key, json=body)
                if answer.is_success:
                    created: Json = answer.json()
                    return created
                assert answer.status_code in {409, 500, 503}, f"{answer.status_code}: {answer.text}"
                answered = f"{answer.status_code}: {answer.text}"
            except httpx.TransportError as error:
                answered = repr(error)
            assert time.monotonic() < give_up_at_s, answered
            await asyncio.sleep(0.1)

    # Reading what a user sees

    async def stages(self) -> dict[str, str]:
        """Return the default pipeline's stage ids by name."""
        pipelines = await self.get("deals", "/v1/pipelines")
        return {stage["name"]: stage["id"] for stage in pipelines["items"][0]["stages"]}

    async def timeline(self, deal_id: str) -> list[str]:
        """Return the bodies of a deal's timeline, newest first."""
        page = await self.get("activities", f"/v1/timelines/deals/{deal_id}", limit=200)
        return [item["body"] for item in page["items"]]

    async def search(self, text: str, **parameters: Any) -> list[str]:
        page = await self.get("search", "/v1/search", q=text, **parameters)
        return [item["id"] for item in page["items"]]

    async def report(self) -> dict[str, tuple[int, str]]:
        """Return (deal count, total) by stage name from the pipeline report, stages without deals left out."""
        report = await self.get("reporting", "/v1/reports/pipeline")
        return {row["stage_name"]: (row["deal_count"], row["total"]) for row in report["items"] if row["deal_count"]}

    async def board(self) -> dict[str, tuple[int, str]]:
        """Return the same from the board: report and board must agree whenever nothing moves."""
        pipeline = (await self.get("deals", "/v1/pipelines"))["items"][0]
        board = await self.get("deals", f"/v1/pipelines/{pipeline['id']}/board", limit=1)
        return {
            column["stage"]["name"]: (column["count"], column["totals"][0]["total"])
            for column in board["stages"]
            if column["count"]
        }


class Tenant:
    """`admin` is there from the start; `add_user` adds more."""

    def __init__(
        self,
        tenant_id: UUID,
        admin_id: UUID,
        *,
        urls: Mapping[str, str],
        sign: Callable[[UUID, UUID], str],
        client: httpx.AsyncClient,
    ) -> None:
        self.id = tenant_id
        self._urls = urls
        self._sign = sign
        self._client = client
        self.admin = self._user(admin_id)

    def _user(self, user_id: UUID) -> User:
        return User(user_id, self._sign(self.id, user_id), self._urls, self._client)

    async def add_user(self, name: str, role: str, *, manager: User | None = None) -> User:
        body = {
            "email": f"{name}@{self.id.hex[-8:]}.example",
            "full_name": name.title(),
            "role": role,
            "manager_id": str(manager.id) if manager else None,
        }
        created = await self.admin.post("contacts", "/v1/users", body)
        return self._user(UUID(created["id"]))
