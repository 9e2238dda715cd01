"""Holds every write that a test sees against the promise that its answer has a Crm-Position."""

from typing import Final

import httpx

from crm_shared.http.positions import HEADER, from_token

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


async def require_position(response: httpx.Response) -> None:
    """Fail for a successful write whose answer has no position, or none that can be read."""
    request = response.request
    if request.method in READS or not response.is_success:
        return
    token = response.headers.get(HEADER)
    assert token, f"{request.method} {request.url.path}: {response.status_code} without {HEADER}"
    assert from_token(token)
