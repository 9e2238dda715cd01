"""Restore a service of a suite at work, and see what it costs: `make restore-drill`, `ARGS="--service contacts"`."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from restore_drill.drill import Course, Outcome, run_drill
from rich.console import Console
from rich.table import Table

from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import RunningCrm, find_port_base

console = Console(width=120)


def show(outcome: Outcome) -> None:
    copies = Table("copy", "rows", "differ")
    for name, (rows, differing) in outcome.compared.items():
        copies.add_row(name, str(rows), str(differing))
    console.print(copies)
    lost = ", ".join(f"{count} commands of {service}" for service, count in outcome.lost_commands.items())
    figures = Table("figure", "", "", title=f"{outcome.commands} commands were answered in all")
    figures.add_row("RPO", f"{outcome.lost_s:.1f} s", f"taken back: {lost or 'nothing that was sent to it'}")
    figures.add_row("RTO", f"{outcome.away_s:.1f} s", "from the last answer to the first one after")
    figures.add_row("equal", f"{outcome.equal_s:.1f} s", "from the last command until all copies were equal")
    console.print(figures)
    for trouble in outcome.troubles:
        console.print(trouble, style="red", markup=False)


async def drill(folder: Path, course: Course, tenant_count: int) -> int:
    crm = RunningCrm(folder / "crm", find_port_base())
    try:
        console.print("starting a suite")
        await asyncio.to_thread(crm.start)
        tenants = [await crm.new_tenant(f"Drill{number}") for number in range(tenant_count)]
        outcome = await run_drill(crm, tenants, course, console.print)
        console.print(outcome.printed, markup=False)
        show(outcome)
    finally:
        await crm.stop()
    return 0 if outcome.is_equal else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", action="append", choices=SERVICES, help="that goes back; default: deals")
    parser.add_argument("--tenants", type=int, default=2)
    parser.add_argument("--workers", type=int, default=3, help="of each tenant, at work at once")
    parser.add_argument("--lost-s", type=float, default=10.0, help="from the moment to the restore")
    chosen = parser.parse_args()
    course = Course(chosen.service or ["deals"], after_s=chosen.lost_s, workers=chosen.workers)
    folder = Path(tempfile.mkdtemp(prefix="crm-restore-drill-"))
    folder.chmod(0o755)  # the engines' account has to pass through
    try:
        return asyncio.run(drill(folder, course, chosen.tenants))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
