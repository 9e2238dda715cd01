"""The drill: a suite at work is backed up, goes on, and has services brought back to an earlier moment meanwhile."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from restore_drill.comparing import compare
from restore_drill.traffic import traffic

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant

EQUAL_WITHIN_S: Final = 180.0
SENT_TO: Final = ("contacts", "deals", "activities")
REPAIRED: Final = ("deals", "activities", "search", "reporting")


@dataclass(frozen=True, slots=True)
class Course:
    """What is restored, and for how long people work before the moment, after it, and after the restore."""

    services: Sequence[str]
    before_s: float = 10.0
    after_s: float = 10.0
    on_s: float = 5.0
    workers: int = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """`compared`: by copy, how many rows the owner has, and how many differ. `troubles`: what was amiss."""

    printed: str
    commands: int
    lost_commands: Mapping[str, int]
    lost_s: float
    away_s: float
    equal_s: float
    compared: Mapping[str, tuple[int, int]]
    troubles: Sequence[str]

    @property
    def is_equal(self) -> bool:
        return not self.troubles and not any(differing for _, differing in self.compared.values())


async def run_drill(crm: RunningCrm, tenants: Sequence[Tenant], course: Course, say: Callable[[str], None]) -> Outcome:
    """Go through all of it; return how it went. Raises RuntimeError where `crm backup` or `crm restore` fails."""
    async with traffic([tenant.admin for tenant in tenants], course.workers) as journal:
        await asyncio.sleep(course.before_s / 2)
        say("people work; a backup is taken")
        say((await crm.command("backup")).splitlines()[-1])
        await asyncio.sleep(course.before_s / 2)
        moment = datetime.now(UTC)
        await asyncio.sleep(course.after_s)
        say(f"they go on; {', '.join(course.services)} go back to {moment.isoformat()}")
        chosen = [argument for service in course.services for argument in ("--service", service)]
        printed = await crm.command("restore", *chosen, "--to-time", moment.isoformat(), "--yes", timeout_s=3600)
        await asyncio.sleep(course.on_s)
    say("they stop; all is compared")
    began_s = time.monotonic()
    compared = await _wait_until_equal(crm)
    equal_s = time.monotonic() - began_s
    outages = {service: journal.find_outage(service, moment) for service in course.services if service in SENT_TO}
    return Outcome(
        printed=printed,
        commands=len(journal.done),
        lost_commands={
            service: len(journal.list_done(service, moment, last)) for service, (last, _) in outages.items()
        },
        lost_s=max((last - moment for last, _ in outages.values()), default=timedelta()).total_seconds(),
        away_s=max((back - last for last, back in outages.values()), default=timedelta()).total_seconds(),
        equal_s=equal_s,
        compared=compared,
        troubles=[*journal.refused, *await _ask_services(crm, tenants)],
    )


async def _wait_until_equal(crm: RunningCrm) -> Mapping[str, tuple[int, int]]:
    deadline = time.monotonic() + EQUAL_WITHIN_S
    while True:
        compared = await compare(crm.plan)
        if not any(differing for _, differing in compared.values()) or time.monotonic() > deadline:
            return compared
        await asyncio.sleep(0.2)


async def _ask_services(crm: RunningCrm, tenants: Sequence[Tenant]) -> list[str]:
    """Have the services' own commands compare as well; return what they find."""
    calls = [("search", "verify"), ("reporting", "verify")]
    troubles = []
    with tempfile.NamedTemporaryFile("w") as token:
        for tenant in tenants:
            token.write(tenant.admin.token)
            token.flush()
            named = ("--tenant", str(tenant.id), "--token-file", token.name)
            for call in (*calls, *((service, "repair", *named) for service in REPAIRED)):
                try:
                    await crm.run(*call)
                except RuntimeError as error:
                    troubles.append(str(error))
            token.seek(0)
            token.truncate()
            calls = []
    return troubles
