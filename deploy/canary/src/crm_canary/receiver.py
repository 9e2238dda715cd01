"""The canary's own endpoint for webhooks: it takes signed events of its deal, and tells who waits for a version."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

import httpx

from crm_canary.suite_api import SuiteApi

EVENT_TYPE: Final = "crm.deal.stage_changed"
MOST_WEBHOOKS: Final = "200"
"""Of a page, which is all that a tenant may have by far."""


class Receiver:
    """`url` is where the suite's workers reach it. It keeps the newest version alone, so nothing grows."""

    def __init__(self, api: SuiteApi, url: str) -> None:
        self._api = api
        self._url = url
        self._secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        self._seen: tuple[str, int] | None = None
        self._changed = asyncio.Event()
        self._webhook_id: str | None = None

    async def subscribe(self) -> None:
        """Have one webhook of the tenant lead here. Raises Away, Refused.

        A secret is never shown again, so what an earlier process made is deleted, its deliveries with it. Webhooks that
        lead elsewhere are somebody else's.
        """
        webhooks = (await self._api.get("deals", "/v1/webhooks", limit=MOST_WEBHOOKS))["items"]
        is_ours = False
        for webhook in webhooks:
            if webhook["id"] == self._webhook_id and webhook["active"]:
                is_ours = True
            elif httpx.URL(webhook["url"]) == httpx.URL(self._url):
                await self._api.delete("deals", f"/v1/webhooks/{webhook['id']}")
        if not is_ours:
            body = {"url": self._url, "event_types": [EVENT_TYPE], "secret": self._secret}
            self._webhook_id = (await self._api.post("deals", "/v1/webhooks", body))["id"]

    def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Take a delivery in; False where it is not signed by the suite."""
        signed = b".".join(
            (headers.get("webhook-id", "").encode(), headers.get("webhook-timestamp", "").encode(), body)
        )
        key = base64.b64decode(self._secret.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if not any(
            hmac.compare_digest(wanted.encode(), one.encode()) for one in headers.get("webhook-signature", "").split()
        ):
            return False
        event = json.loads(body)
        deal_id, version = str(event["subject"]), int(event["sequence"])
        if self._seen is None or self._seen[0] != deal_id or self._seen[1] < version:  # an older one was tried again
            self._seen = (deal_id, version)
            self._changed.set()
        return True

    async def wait_for(self, deal_id: str, version: int) -> None:
        """Return once this version of the deal, or a later one, has come."""
        while self._seen is None or self._seen[0] != deal_id or self._seen[1] < version:
            self._changed.clear()
            await self._changed.wait()
