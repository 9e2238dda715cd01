"""What tests expect of answers."""

from typing import Any

import httpx

from crm_shared.http.problems import MEDIA_TYPE


def require_problem(answer: httpx.Response, status: int, slug: str | None = None, *pointers: str) -> dict[str, Any]:
    """Return the problem's body. Fails unless it has this status, slug, and exactly these fields in `errors`."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    if slug is not None:
        assert problem["type"] == f"/problems/{slug}", problem
    if pointers:
        assert sorted(error["pointer"] for error in problem["errors"]) == sorted(pointers), problem
    return problem


def require_ok(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """Return the body. Fails unless the answer has this status."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


async def walk_pages(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Read a whole list page by page, following `next_cursor`."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = require_ok(
            await client.get(path, params={**parameters, **({"cursor": cursor} if cursor is not None else {})})
        )
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
