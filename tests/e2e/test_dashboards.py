"""No panel is empty: each one's questions are put to a Prometheus that has scraped a running suite."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_local import suite
from crm_local.engines.ports import LOOPBACK, free_ports
from crm_observability.dashboards import make_dashboards
from crm_observability.generate import FOLDER
from crm_observability.objectives import PERIOD_DAYS
from crm_observability.prometheus_tools import find_tool
from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

EVERY: Final = "1s"
RATE_OVER: Final = "1m"


def list_questions() -> Iterator[tuple[str, str]]:
    for name, text in make_dashboards().items():
        for panel in json.loads(text)["panels"]:
            for target in panel.get("targets", ()):
                question = target["expr"].replace("$__rate_interval", RATE_OVER)
                # A subquery looks at whole steps of its own: a suite of a minute has not lived to see one of five.
                yield f"{name}: {panel['title']}", question.replace(f"[{PERIOD_DAYS}d:5m]", f"[10m:{EVERY}]")


def write_config(crm: RunningCrm, file: Path, canary_port: int) -> None:
    targets = [
        {
            "targets": [f"{LOOPBACK}:{process['port']}"],
            "labels": {"service": process["service"], "role": process["role"]},
        }
        for process in suite.list_processes(crm.home)
        if process["role"] != "engine"
    ]
    labels = {"service": "canary", "role": "canary"}
    targets.append({"targets": [f"{LOOPBACK}:{canary_port}"], "labels": labels})
    config = {
        "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(FOLDER / "prometheus" / "rules" / "*.yml")],
        "scrape_configs": [{"job_name": "crm", "static_configs": targets}],
    }
    file.write_text(yaml.safe_dump(config), "utf-8")


class Prometheus:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, question: str) -> list[Any]:
        answer = await self._client.get("/api/v1/query", params={"query": question})
        body = answer.json()
        assert body["status"] == "success", f"{question}: {body}"
        found: list[Any] = body["data"]["result"]
        return found

    async def has_scraped(self, processes: int) -> bool:
        """Return whether every process answered."""
        try:
            if not (await self._client.get("/-/ready")).is_success:
                return False
        except httpx.TransportError:
            return False
        return len(await self.ask('up{job="crm"} == 1')) == processes

    async def list_empty(self, questions: list[tuple[str, str]]) -> list[str]:
        answers = await asyncio.gather(*(self.ask(question) for _, question in questions))
        return [
            f"{panel}: {question}" for (panel, question), found in zip(questions, answers, strict=True) if not found
        ]


@contextmanager
def running(log_file: Path, *command: str, **environment: str) -> Iterator[None]:
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - Prometheus itself, and the canary
            command, stdout=log, stderr=log, env={**os.environ, **environment}
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def canary_moving(crm: RunningCrm, tenant: Tenant, folder: Path, port: int) -> Iterator[None]:
    """Run the canary on a tenant of its own, as a site does: all that it is told of are addresses and a token."""
    (folder / "token").write_text(tenant.admin.token)
    settings = {f"CRM_{name.upper()}_URL": crm.plan.api_url(name) for name in SERVICES} | {
        "CRM_HTTP_HOST": LOOPBACK,
        "CRM_HTTP_PORT": str(port),
        "CRM_CANARY_TOKEN_FILE": str(folder / "token"),
        "CRM_CANARY_EVERY_S": "2",
    }
    with running(folder / "canary.log", sys.executable, "-m", "crm_canary.cli", "serve", **settings):
        yield


@asynccontextmanager
async def scraping(crm: RunningCrm, folder: Path, canary_port: int) -> AsyncIterator[Prometheus]:
    write_config(crm, folder / "prometheus.yml", canary_port)
    program = await asyncio.to_thread(find_tool, "prometheus")  # the first time it is fetched
    (port,) = free_ports(1)
    with running(
        folder / "prometheus.log",
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ):
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=30) as client:
            yield Prometheus(client)


async def make_traffic(crm: RunningCrm, tenant: Tenant) -> None:
    """Let something pass every hop, webhooks included: their endpoint is nowhere, which is an attempt all the same."""
    admin = tenant.admin
    webhook = {"url": "https://nowhere.invalid/hook", "event_types": ["crm.deal.created"]}
    await admin.post("deals", "/v1/webhooks", webhook)
    contact = await admin.post("contacts", "/v1/contacts", {"first_name": "Ada"})
    deal = await admin.post("deals", "/v1/deals", {"name": "Watched", "contact_id": contact["id"]})
    await admin.post("activities", "/v1/activities", {"type": "NOTE", "deal_id": deal["id"], "body": "Seen"})
    await admin.search("watched")
    await admin.report()
    await crm.drain()


async def test_no_panel_of_any_dashboard_is_empty(crm: RunningCrm, tenant: Tenant, tmp_path: Path) -> None:
    questions = list(list_questions())
    processes = len(await crm.read_metrics()) + 1
    (canary_port,) = free_ports(1)
    with canary_moving(crm, await crm.new_tenant("Canary"), tmp_path, canary_port):
        async with scraping(crm, tmp_path, canary_port) as prometheus:
            await wait_until(lambda: prometheus.has_scraped(processes))
            await make_traffic(crm, tenant)
            empty: list[str] = []

            async def none_is_empty() -> bool:
                empty[:] = await prometheus.list_empty(questions)
                return not empty

            async def canary_saw_its_move_everywhere() -> bool:
                seen = await prometheus.ask('crm_canary_hops_total{outcome="arrived"} > 1')
                return {one["metric"]["hop"] for one in seen} == {"move", "timeline", "search", "report"}

            try:
                await wait_until(none_is_empty, timeout_s=60)
            except TimeoutError:
                pytest.fail("\n".join(empty))
            await wait_until(canary_saw_its_move_everywhere, timeout_s=60)
