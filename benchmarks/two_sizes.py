"""One kind of call made by a small tenant and by a large one in turn: its time should not tell which it was."""

import statistics
from collections.abc import Sequence

from benchmarks.arena import Row
from benchmarks.load import Measured, render, run_load
from benchmarks.size import sized

SECONDS, WARM_UP_S, ROUNDS = sized((0.7, 0.3, 3), tiny=(0.02, 0.01, 1))
AIM = 1 / 1.5
"""Of the small tenant's p99 to the large one's."""


async def compare(port: int, what: str, requests: Sequence[bytes], sizes: Sequence[str]) -> Row:
    """Measure `requests`, the small tenant's and the large one's, ROUNDS times in turn; quote the medians.

    `sizes`: what each of the two has, such as `10,000 deals`.
    """
    runs: list[list[Measured]] = [[], []]
    for each in requests:
        await run_load(port, [each], connections=1, seconds=WARM_UP_S)
    for _ in range(ROUNDS):
        for run, each in zip(runs, requests, strict=True):
            run.append(await run_load(port, [each], connections=1, seconds=SECONDS))
    (small_p50_ms, small_p99_ms), (large_p50_ms, large_p99_ms) = (_sum_up(run) for run in runs)
    figures = f"{small_p50_ms:8.2f} {small_p99_ms:8.2f} | {large_p50_ms:8.2f} {large_p99_ms:8.2f}"
    print(f"{what:66} {figures}", flush=True)
    return Row(
        f"GET {what}",
        f"{sizes[1]}: p50 {large_p50_ms:.1f} ms, p99 {large_p99_ms:.1f} ms",
        f"{sizes[0]}: p50 {small_p50_ms:.1f} ms, p99 {small_p99_ms:.1f} ms",
        small_p99_ms / large_p99_ms,
        AIM,
    )


def _sum_up(runs: Sequence[Measured]) -> tuple[float, float]:
    return statistics.median(run.p50_ms for run in runs), statistics.median(run.p99_ms for run in runs)


def render_get(path: str, token: str) -> bytes:
    return render("GET", path, {"Authorization": f"Bearer {token}"})
