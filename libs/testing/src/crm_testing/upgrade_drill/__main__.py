"""Upgrades a suite under load from an earlier commit to this tree, and takes it back: `make upgrade-drill`.

Starts engines and all processes of both by itself, on ports of its own, and removes them. `--from` names the commit;
by default it is that of `tests/contract/baseline`. Ends with 1 where a request failed or an effect is lost or repeated.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from crm_local.home import Home
from crm_local.plan import Plan
from crm_local.suite import end_leftovers
from crm_testing.baseline.folder import BASELINE, Baseline
from crm_testing.suite.running import find_port_base
from crm_testing.upgrade_drill.course import Outcome, run_drill
from crm_testing.upgrade_drill.deliveries import allow_port
from crm_testing.upgrade_drill.printing import print_outcome
from crm_testing.upgrade_drill.trees import find_commit, open_old_tree, open_this_tree

SETTINGS: Final = {"CRM_RATE_LIMIT_REQUESTS": "1000000", "CRM_RATE_LIMIT_TENANT_REQUESTS": "1000000"}


@contextmanager
def started_engines(plan: Plan) -> Iterator[None]:
    """Run PostgreSQL, Kafka and Elasticsearch during the block; whatever is left of the suite then is ended."""
    with ExitStack() as stack:
        stack.callback(end_leftovers, plan.home)
        for engine in plan.engines:
            stack.callback(engine.kill)
            engine.start()
        for engine in plan.engines:
            engine.wait_ready()
        yield


def run(commit: str, pause_s: float, keep: Path | None) -> Outcome:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crm-upgrade-")))
        folder.chmod(0o755)  # the engines' account has to pass through
        home, port_base = Home(keep or folder / "home"), find_port_base()
        home.make()
        if keep is None:
            stack.callback(home.remove)
        environment = {"CRM_HOME": str(home.path), "CRM_PORT_BASE": str(port_base), **SETTINGS}
        environment |= allow_port(port_base)
        plan = Plan(home, port_base)
        old = open_old_tree(Path.cwd(), commit, folder / "old", environment)
        stack.enter_context(started_engines(plan))
        old.bring_up()
        outcome = asyncio.run(run_drill(plan, old, open_this_tree(environment), pause_s=pause_s))
        print_outcome(commit, outcome, sys.stdout.write)
        return outcome


def main() -> int:
    """Return 0, or 1 where the upgrade was seen by a user."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="commit", help="the commit that is upgraded from; default: the baseline's")
    parser.add_argument("--pause-s", type=float, default=10.0, help="how long each step is left as it is")
    parser.add_argument("--home", type=Path, help="a new folder, where data and logs are kept")
    options = parser.parse_args()
    commit = options.commit or find_commit(Path.cwd(), Baseline(BASELINE).release)
    return 0 if run(commit, options.pause_s, options.home).is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
