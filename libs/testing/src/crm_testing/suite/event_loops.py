"""Which processes held their own event loop up, as their metrics tell."""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

# No handler may take 50 ms. What is computed is counted by the CPU's clock, so a busy machine does not lengthen it: in
# an hour of faults on two busy cores nothing took 250 ms. By the wall's clock a machine with twenty starved processes
# may be seconds late, though not so long that Kafka gives all consumers up: for that something must have blocked.
MOST_S: Final = {"crm_event_loop_held_seconds": 1.0, "crm_event_loop_lag_seconds": 30.0}
"""By metric; each is a bucket's bound."""


def list_held_up(metrics: Mapping[str, str]) -> list[str]:
    """Return a line for each metric that went beyond its bound, by process. Raises KeyError where a process has none.

    `metrics` is each process's page, by its name.
    """
    return [line for process, page in sorted(metrics.items()) for line in _list_beyond(process, page)]


def _list_beyond(process: str, page: str) -> Iterator[str]:
    families = {family.name: family for family in text_string_to_metric_families(page)}
    for name, most_s in MOST_S.items():
        looks = {
            float(sample.labels["le"]): sample.value
            for sample in families[name].samples
            if sample.name == f"{name}_bucket"
        }
        beyond = looks[float("inf")] - looks[most_s]
        if beyond:
            yield f"{process}: {name} was over {most_s:g} s {beyond:.0f} times"
