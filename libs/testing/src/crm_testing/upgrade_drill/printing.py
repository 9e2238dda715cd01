"""The drill's table."""

from collections.abc import Callable
from typing import Final

from crm_testing.upgrade_drill.calls import Phase
from crm_testing.upgrade_drill.course import Outcome

LINES_SHOWN: Final = 20


def print_outcome(commit: str, outcome: Outcome, write: Callable[[str], object]) -> None:
    write(f"from {commit}\n\n| step | s | requests | failed | cut, made again | p50 ms | p99 ms | slowest ms |\n")
    write("|---|---|---|---|---|---|---|---|\n")
    for phase in outcome.calls.phases:
        write(_describe(phase))
    write("\n| effect | wanted | lost | repeated |\n|---|---|---|---|\n")
    for effect in outcome.effects:
        write(f"| {effect.name} | {effect.wanted} | {effect.lost} | {effect.repeated} |\n")
    for verified in outcome.verified:
        write(f"\n{verified.command}: {verified.output}")
    write("\n")
    for phase in outcome.calls.phases:
        for line in [*phase.failed, *phase.cut][:LINES_SHOWN]:
            write(f"{phase.name}: {line}\n")


def _describe(phase: Phase) -> str:
    times = sorted(phase.answered_s) or [0.0]
    shown = [times[len(times) // 2], times[int(len(times) * 0.99)], times[-1]]
    figures = " | ".join(f"{seconds * 1000:.0f}" for seconds in shown)
    counts = f"{len(phase.answered_s)} | {len(phase.failed)} | {len(phase.cut)}"
    return f"| {phase.name} | {phase.seconds:.0f} | {counts} | {figures} |\n"
