"""Users' calls while processes come and go: each is counted, and what fails is kept with its moment."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx
import structlog

from crm_testing.suite.tenant import Json

logger = structlog.get_logger(__name__)

TRIES_AGAIN: Final = 1
"""What a proxy or a careful client does with a connection that ended without an answer: once more, on another."""

MOST_TRIES: Final = 300
TRIES_AFTER_S: Final = 0.1
"""What has failed is made again so that the story goes on, but not for ever."""


@dataclass
class Phase:
    """What was called during one step of the upgrade. `cut`: connections that ended without an answer."""

    name: str
    began_s: float
    seconds: float = 0.0
    answered_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


@dataclass
class Calls:
    """One user's calls of the whole suite through `urls`, each service's one address."""

    client: httpx.AsyncClient
    urls: Mapping[str, str]
    token: str
    phases: list[Phase] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        """Count what follows as this step of the upgrade."""
        now_s = time.monotonic()
        self.end()
        self.phases.append(Phase(phase, now_s))
        logger.info("step", name=phase)

    def end(self) -> None:
        if self.phases:
            self.phases[-1].seconds = time.monotonic() - self.phases[-1].began_s

    async def get(self, service: str, path: str, **parameters: Any) -> Json:
        return await self._call("GET", service, path, params=parameters)

    async def post(self, service: str, path: str, body: Json) -> Json:
        return await self._call("POST", service, path, json=body, headers={"Idempotency-Key": uuid4().hex})

    async def _call(self, method: str, service: str, path: str, **more: Any) -> Json:
        """Call until it is done: a request that fails is counted, and made again so that the story goes on."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        phase, label = self.phases[-1], f"{method} {service}{path}"
        cut = 0
        for _ in range(MOST_TRIES):
            began_s = time.monotonic()
            try:
                answer = await self.client.request(method, self.urls[service] + path, headers=headers, **more)
            except httpx.TransportError as error:
                cut += 1
                line = f"{label}: {error!r}"
                phase.cut.append(line)
                if cut > TRIES_AGAIN:
                    phase.failed.append(line)
                    await asyncio.sleep(TRIES_AFTER_S)
                continue
            phase.answered_s.append(time.monotonic() - began_s)
            if answer.is_success:
                body: Json = answer.json()
                return body
            phase.failed.append(f"{label}: {answer.status_code} {answer.text[:300]}")
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                break
            await asyncio.sleep(TRIES_AFTER_S)
        raise AssertionError(f"{phase.name}: {phase.failed[-1]}")
