"""What follows once a service's database stands at an earlier moment: `migrate`, `restored`, and what those leave."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final

from crm_local import suite
from crm_local.backups import unfinished
from crm_local.backups.catching_up import wait_caught_up
from crm_local.backups.unfinished import Unfinished
from crm_local.migrations import bring_up_to_date
from crm_local.plan import Plan
from crm_shared.service_registry import PUBLISHERS, SERVICES, find_service

# A worker that was killed is a member of its group for ten seconds more, and `restored` refuses meanwhile.
TRIES, TRY_AGAIN_S = 8, 3.0
AGAIN_AT_MOST: Final = 3
REFUSED_STATUS: Final = 2
MADE_AGAIN: Final = re.compile(r" will be made again by the workers\.")
# Commands of a service of which others' events are all that there is.
MENDING: Final = {"search": ("verify", "--heal"), "reporting": ("rebuild",)}

CONNECT: Final = "connect"

Say = Callable[[str], None]


class FollowingFailed(Exception):
    """A service's own command ended badly. The message has its last lines."""


def follow(plan: Plan, work: Unfinished, lock: int, say: Say) -> None:
    """Bring everybody in line with the services' databases, in the order that services rest on each other.

    Raises MigrationFailed, FollowingFailed, SuiteFailed.
    """
    assert work.moment is not None  # noqa: S101 - for the types: it is noted before anything is swapped
    for service in (one for one in SERVICES if one in work.services and one not in work.announced):
        if find_service(service).uses_elasticsearch:
            say(f"{service}: migrate")
            asyncio.run(bring_up_to_date(plan, service))
        if service in PUBLISHERS:
            suite.release(plan.home, [f"{service}-relay", CONNECT])
            if plan.connect is not None:  # what it hears from now on, it hears of its new slot
                suite.wait_running(plan.home, [CONNECT])
        say(f"{service}: restored --to {work.moment}")
        for line in _announce(plan, service, work.moment, lock):
            if MADE_AGAIN.search(line):
                work.again.append(service)
            say(f"  {line}")
        work.announced.append(service)
        unfinished.note(plan.home, work)


def announce_again(plan: Plan, work: Unfinished, lock: int, say: Say) -> None:
    """Raise what workers have made once more meanwhile, under the ids of what was lost: its versions begin too low.

    Raises NotCaughtUp, FollowingFailed, SuiteFailed.
    """
    for _ in range(AGAIN_AT_MOST):
        for service in tuple(work.again):
            assert work.moment is not None  # noqa: S101 - as above
            say(f"{service}: its workers make again what follows from others")
            asyncio.run(wait_caught_up(plan, service))
            names = [f"{service}-api", f"{service}-worker"]
            suite.hold(plan.home, names)
            say(f"{service}: restored --to {work.moment}, once more")
            lines = _announce(plan, service, work.moment, lock)
            suite.release(plan.home, names)
            suite.wait_running(plan.home, names)
            if not any(MADE_AGAIN.search(line) for line in lines):
                work.again.remove(service)
                unfinished.note(plan.home, work)
        if not work.again:
            return
    for service in work.again:
        say(f"{service}: some of it is not made again yet; later: crm run {service} restored --to {work.moment}")
    work.again.clear()


def mend(plan: Plan, services: Sequence[str], lock: int, say: Say) -> None:
    """Do what `restored` leaves to other commands of a service."""
    for service, arguments in MENDING.items():
        if service in services:
            say(f"{service}: {' '.join(arguments)}")
            try:
                _run(plan, service, arguments, lock)
            except FollowingFailed as error:
                say(f"{error}\nThat is left to you: crm run {service} {' '.join(arguments)}")


def _announce(plan: Plan, service: str, moment: str, lock: int) -> list[str]:
    for tries_left in reversed(range(TRIES)):
        try:
            return _run(plan, service, ("restored", "--to", moment), lock)
        except _Refused as error:
            if not tries_left:
                raise FollowingFailed(str(error)) from None
            time.sleep(TRY_AGAIN_S)
    raise AssertionError("unreachable")


class _Refused(FollowingFailed):
    """It has done nothing."""


def _run(plan: Plan, service: str, arguments: Sequence[str], lock: int) -> list[str]:
    done = subprocess.run(  # noqa: S603 - the plan's own command
        plan.service_command(service, *arguments),
        env=plan.service_environment(service, arguments[0]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=[lock],
        check=False,
    )
    if done.returncode != 0:
        printed = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        kind = _Refused if done.returncode == REFUSED_STATUS else FollowingFailed
        raise kind(f"crm-{service} {' '.join(arguments)} ended with status {done.returncode}:\n{printed}")
    return done.stdout.splitlines()
