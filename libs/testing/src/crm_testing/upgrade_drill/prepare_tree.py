"""Run by a tree's own Python, with CRM_HOME and CRM_PORT_BASE: `prepare_tree.py bring-up | plan`.

`bring-up` makes keys, databases, topics and indexes what that tree wants, as `crm up` does; `plan` prints its processes
as JSON. Old trees run this file too, so it names what every one of them has.
"""

import asyncio
import json
import sys
from contextlib import suppress

from crm_local.home import Home
from crm_local.issuer import make_keys
from crm_local.migrations import bring_up_to_date
from crm_local.plan import Plan

ONE_OFF = ("create-tenant", "verify", "recount", "republish")


async def _bring_up(plan: Plan, services: list[str]) -> None:
    for service in services:
        await bring_up_to_date(plan, service)


def _describe(plan: Plan, services: list[str]) -> str:
    programs = [
        {
            "name": program.name,
            "service": program.service,
            "role": program.role,
            "command": list(program.arguments),
            "environment": dict(program.environment),
        }
        for program in plan.programs()
    ]
    commands = {}
    for service, name in ((service, name) for service in services for name in ONE_OFF):
        with suppress(KeyError):  # a command that this tree does not have
            environment = dict(plan.service_environment(service, name))
            commands[f"{service} {name}"] = {"command": plan.service_command(service, name), "environment": environment}
    return json.dumps({"programs": programs, "commands": commands})


def main() -> None:
    home = Home.from_environment()
    home.make()
    make_keys(home)
    plan = Plan(home, home.port_base())
    services = list(dict.fromkeys(program.service for program in plan.programs()))
    if sys.argv[1] == "bring-up":
        asyncio.run(_bring_up(plan, services))
    else:
        sys.stdout.write(_describe(plan, services))


if __name__ == "__main__":
    main()
