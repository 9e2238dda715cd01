"""A process that held its own event loop up is named."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from crm_shared.telemetry.loop_lag import BUCKETS_S
from crm_testing.suite.event_loops import MOST_S, list_held_up


def write_page(**seconds: float) -> str:
    """Write what a process's `/metrics` would say after two looks: one of 10 ms, one of `seconds` by metric."""
    registry = CollectorRegistry()
    for name in MOST_S:
        histogram = Histogram(name, "-", buckets=BUCKETS_S, registry=registry)
        histogram.observe(0.01)
        histogram.observe(seconds.get(name, 0.01))
    return generate_latest(registry).decode()


@pytest.mark.parametrize("name", MOST_S)
def test_who_went_beyond_the_bound_is_named_and_nobody_else(name: str) -> None:
    pages = {"deals-api": write_page(**{name: MOST_S[name]}), "search-worker": write_page(**{name: MOST_S[name] * 1.1})}
    assert list_held_up(pages) == [f"search-worker: {name} was over {MOST_S[name]:g} s 1 times"]


def test_a_process_that_does_not_measure_its_loop_is_no_quiet_one() -> None:
    with pytest.raises(KeyError):
        list_held_up({"deals-relay": "# nothing\n"})
