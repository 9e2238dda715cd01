"""The page of all metrics, made from what a running suite shows: names, kinds, labels, meanings, and who has them."""

import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from crm_shared.service_registry import PUBLISHERS, SERVICES

PREFIX: Final = "crm_"
ROOMS: Final = ("app", "worker")
# What the processes load beside their service's rooms.
PROCESSES: Final = (
    "crm_shared.http.server",
    "crm_shared.bus.worker",
    "crm_shared.cluster_watch",
    "crm_shared.outbox.cleaner",
    "crm_shared.outbox.relay",
    "crm_canary.metrics",
)
# Made by the format for each of its families, and of no kind of its own.
NOT_OURS: Final = ("le", "quantile")
HEAD: Final = """\
# Metrics

Every process has them at `/metrics` (`CRM_OPERATIONS_PORT` moves it to a port of its own). No label names a tenant, a
user, a record or a path as it was asked for. Beside these each process has `process_*` and `python_*`: memory, CPU,
open files, garbage. A histogram is asked for by its `_bucket`, `_sum` and `_count`. Who asks for OpenMetrics, as
Prometheus does, gets [exemplars](traces.md#from-a-metric-to-a-trace) with trace ids as well, where traces are recorded.

This page is what a running suite shows; `tests/e2e/test_metrics.py` compares the two.

| name | kind | labels | meaning | of |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class MergeGroup:
    """A metric without its values. `labels` are those seen, without what the kind itself has."""

    kind: str
    meaning: str
    labels: frozenset[str]


def read_families(page: str) -> dict[str, MergeGroup]:
    """Read our metrics off a process' page, by the name that queries have for them."""
    families: dict[str, MergeGroup] = {}
    for family in text_string_to_metric_families(page):
        if not family.name.startswith(PREFIX) or family.name.endswith("_created"):
            continue
        labels = frozenset(label for sample in family.samples for label in sample.labels if label not in NOT_OURS)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        families[name] = MergeGroup(family.type, family.documentation, labels)
    return families


def make_canary_page() -> str:
    """Return what a canary shows beside a suite: it runs where it is asked for alone."""
    importlib.import_module("crm_canary.metrics")
    of_canary = CollectorRegistry()
    for name, collector in list(REGISTRY._names_to_collectors.items()):  # noqa: SLF001 - as above
        if name.startswith("crm_canary_") and collector not in of_canary._collector_to_names:  # noqa: SLF001
            of_canary.register(collector)
    return generate_latest(of_canary).decode()


def list_declared_labels() -> dict[str, tuple[str, ...]]:
    """Return the labels of every metric that the code declares, in their order: a page lacks those without values."""
    for service in SERVICES:
        for room in ROOMS:
            importlib.import_module(f"crm_{service}.{room}")
    for module in PROCESSES:
        importlib.import_module(module)
    return dict(_list_labels())


def _list_labels() -> Iterator[tuple[str, tuple[str, ...]]]:
    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001 - the registry tells of what has values alone
        if isinstance(collector, MetricWrapperBase):
            name = f"{collector._name}_total" if collector._type == "counter" else collector._name  # noqa: SLF001
            yield name, tuple(collector._labelnames)  # noqa: SLF001
        else:
            for family in collector.collect():
                yield family.name, tuple(getattr(family, "_labelnames", ()))


def write_page(pages: Mapping[str, str]) -> str:
    """Write the page of what `pages` show, by the process' name. Raises KeyError for a metric that nothing declares."""
    families: dict[str, MergeGroup] = {}
    holders: dict[str, set[str]] = defaultdict(set)
    for process, page in pages.items():
        for name, family in read_families(page).items():
            families[name] = family
            holders[name].add(process)
    labels = list_declared_labels()
    rows = (
        (f"`{name}`", family.kind, ", ".join(labels[name]) or "-", family.meaning, _sum_up(holders[name]))
        for name, family in sorted(families.items())
    )
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _sum_up(processes: set[str]) -> str:
    """Write `all`, or each role's services: `workers`, `deals-worker`, `relays`."""
    of_role = {"api": set(SERVICES), "worker": set(SERVICES), "relay": set(PUBLISHERS)}
    if processes == {f"{service}-{role}" for role, services in of_role.items() for service in services}:
        return "all"
    words: list[str] = []
    for role, services in of_role.items():
        having = {service for service in services if f"{service}-{role}" in processes}
        words += [f"{role}s"] if having == services else sorted(f"{service}-{role}" for service in having)
    return ", ".join([*words, *({"canary"} & processes)])
