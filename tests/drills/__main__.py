"""Inject faults into a suite of our own and see who is woken: `make drills`, or `make drills ARGS="relay kafka"`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import structlog
from drills.catalogue import DRILLS, Drill
from drills.running import WITHIN_S, Result, run
from drills.site import a_site
from rich.console import Console
from rich.table import Table

console = Console(width=150)


def show(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f}"


def report(result: Result) -> None:
    """Say how one went, as soon as it is known."""
    line = result.trouble or ", ".join(
        [
            f"{result.drill.alert} fires after {show(result.fires_s)} s",
            f"is told after {show(result.notified_s)} s",
            f"clears after {show(result.clears_s)} s",
            f"held back: {', '.join(sorted(result.held_back)) or 'none'}",
            *([f"OTHER PAGES: {', '.join(sorted(result.others))}"] if result.others else []),
        ]
    )
    console.print(f"{result.drill.name}: {line}")


def to_table(results: Sequence[Result]) -> Table:
    table = Table("fault", "alert", "fires s", "told s", "other pages", "held back", "clears s", "")
    for result in results:
        table.add_row(
            result.drill.fault,
            result.drill.alert,
            show(result.fires_s),
            show(result.notified_s),
            ", ".join(sorted(result.others)) or "none",
            ", ".join(sorted(result.held_back)) or "none",
            show(result.clears_s),
            "ok" if result.is_good else result.trouble or "FAILED",
        )
    return table


async def drill_all(chosen: Sequence[Drill]) -> bool:
    """Run them on one suite, and print the table; return whether all went well."""
    async with a_site() as site:
        console.print(f"a suite of our own is up, with all that watches it: {site.folder}")
        results = await run(site, chosen, report)
    console.print(to_table(results))
    return all(result.is_good for result in results)


def main() -> int:
    names = [drill.name for drill in DRILLS]
    parser = argparse.ArgumentParser(description=f"Each alert within {WITHIN_S:.0f} s, and no other page.")
    parser.add_argument("names", nargs="*", metavar="drill", help=f"which: {', '.join(names)} (all of them)")
    wanted: list[str] = parser.parse_args().names
    if unknown := set(wanted) - set(names):
        parser.error(f"no drill {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    chosen = [drill for drill in DRILLS if not wanted or drill.name in wanted]
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
    os.environ.pop("CRM_HOME", None)
    return 0 if asyncio.run(drill_all(chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
