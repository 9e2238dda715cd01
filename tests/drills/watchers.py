"""Prometheus, Alertmanager and the exporters as a site runs them: our files, with this suite's addresses in them."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from drills.pager import Pager

from crm_local import suite
from crm_local.engines.ports import LOOPBACK, free_ports
from crm_local.plan import CANARY
from crm_observability.generate import FOLDER
from crm_observability.prometheus_tools import find_tool, run_alertmanager
from crm_testing.suite.running import RunningCrm

PROBES: Final = {"tls": {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"insecure_skip_verify": True}}}}
Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Firing:
    alert: str
    severity: str
    labels: tuple[tuple[str, str], ...]


class Prometheus:
    def __init__(self, port: int) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=30)

    async def close(self) -> None:
        await self._client.aclose()

    async def firing(self) -> set[Firing]:
        """Return the alerts that fire now, pending ones left out."""
        answer = (await self._client.get("/api/v1/alerts")).raise_for_status()
        return {
            Firing(one["labels"]["alertname"], one["labels"]["severity"], tuple(sorted(one["labels"].items())))
            for one in answer.json()["data"]["alerts"]
            if one["state"] == "firing"
        }

    async def has_seen_all(self) -> bool:
        """Return whether it runs, and each of its targets answered at the last look."""
        try:
            targets = await self._client.get("/api/v1/targets", params={"state": "active"})
        except httpx.TransportError:
            return False
        if not targets.is_success:
            return False
        found = targets.json()["data"]["activeTargets"]
        return bool(found) and all(one["health"] == "up" for one in found)


@contextmanager
def watching(crm: RunningCrm, pager: Pager, folder: Path, *, shown_at: int) -> Iterator[Prometheus]:
    """Run all of them while in the block. `shown_at` is the port whose certificate clients see."""
    prometheus, alertmanager, node, blackbox = free_ports(4)
    write(folder / "blackbox.yml", {"modules": PROBES})
    write(folder / "alertmanager.yml", configure_alertmanager(pager.port))
    jobs = [_job_of_suite(crm), _job("node", f"{LOOPBACK}:{node}"), _probe(f"{LOOPBACK}:{blackbox}", shown_at)]
    write(folder / "prometheus.yml", configure_prometheus(f"{LOOPBACK}:{alertmanager}", jobs))
    commands: dict[str, list[str | Path]] = {
        "node_exporter": [
            find_tool("node_exporter"),
            listen(node),
            "--collector.disable-defaults",
            "--collector.filesystem",
        ],
        "blackbox_exporter": [find_tool("blackbox_exporter"), listen(blackbox), f"--config.file={folder}/blackbox.yml"],
        "alertmanager": [
            *run_alertmanager(),
            listen(alertmanager),
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            "--cluster.listen-address=",
        ],
        "prometheus": [
            find_tool("prometheus"),
            listen(prometheus),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
        ],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(_running(folder / f"{name}.log", command))
        yield Prometheus(prometheus)


def listen(port: int) -> str:
    return f"--web.listen-address={LOOPBACK}:{port}"


def configure_prometheus(alertmanager: str, jobs: list[Config]) -> Config:
    """Return the deployed configuration: intervals and rules as they are, addresses of this suite."""
    config: Config = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["rule_files"] = [str(FOLDER / "prometheus" / pattern) for pattern in config["rule_files"]]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    config["scrape_configs"] = jobs
    return config


def configure_alertmanager(pager_port: int) -> Config:
    """Return the deployed configuration, its receivers given a way out."""
    config: Config = yaml.safe_load((FOLDER / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"http://{LOOPBACK}:{pager_port}/{receiver['name']}"}]
    return config


def write(file: Path, config: Mapping[str, Any]) -> None:
    file.write_text(yaml.safe_dump(dict(config)), "utf-8")


def _job_of_suite(crm: RunningCrm) -> Config:
    return {
        "job_name": "crm",
        "static_configs": [
            {
                "targets": [f"{LOOPBACK}:{process['port']}"],
                "labels": {
                    "service": CANARY if process["role"] == CANARY else process["service"],
                    "role": process["role"],
                },
            }
            for process in suite.list_processes(crm.home)
            if process["role"] != "engine"
        ],
    }


def _job(name: str, *targets: str) -> Config:
    return {"job_name": name, "static_configs": [{"targets": list(targets)}]}


def _probe(blackbox: str, shown_at: int) -> Config:
    """Ask the blackbox exporter about the port, as its own documentation has it."""
    return {
        **_job("blackbox", f"{LOOPBACK}:{shown_at}"),
        "metrics_path": "/probe",
        "params": {"module": list(PROBES)},
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": blackbox},
        ],
    }


@contextmanager
def _running(log_file: Path, command: Sequence[str | Path]) -> Iterator[None]:
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - Prometheus' own tools
    try:
        yield
    finally:
        process.kill()
        process.wait()
