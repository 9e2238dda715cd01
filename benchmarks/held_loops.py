"""For how long a loop was held, as the process's own metric tells."""

from typing import Final

from prometheus_client.parser import text_string_to_metric_families

HELD: Final = "crm_event_loop_held_seconds"
AIM_S: Final = 0.05


def read_held(metrics: str) -> dict[float, float]:
    """Return how often the loop was held for at most so many seconds, since the process began."""
    [family] = [family for family in text_string_to_metric_families(metrics) if family.name == HELD]
    return {float(one.labels["le"]): one.value for one in family.samples if one.name == f"{HELD}_bucket"}


def find_longest_s(after: dict[float, float], before: dict[float, float] | None = None) -> float:
    """Return the bound of the fullest bucket that something fell into, since `before` if that is given."""
    counts = {bound: count - (before or {}).get(bound, 0.0) for bound, count in after.items()}
    return min(bound for bound, count in counts.items() if count == max(counts.values()))
