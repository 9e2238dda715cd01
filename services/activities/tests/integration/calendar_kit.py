"""Feeds and their calendars, as tests ask for them."""

import httpx

from crm_testing.answers import require_ok

FEEDS, ACTIVITIES = "/v1/calendar-feeds", "/v1/activities"


async def make_feed(client: httpx.AsyncClient) -> str:
    """Make a feed; return its address."""
    return str(require_ok(await client.post(FEEDS, json={}), 201)["url"])


async def fetch(client: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    answer = await client.get(url, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer
