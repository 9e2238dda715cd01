"""What every command begins with: the suite that CRM_HOME names, or a line that says what is amiss."""

from typing import NoReturn

import typer

from crm_local import suite
from crm_local.home import Home
from crm_local.plan import Plan


def open_plan(home: Home) -> Plan:
    """Return the plan of a suite that was started once; else refuse."""
    if not home.is_made:
        refuse(f"there is no suite in {home.path} yet: make up (or crm up)")
    try:
        return Plan(home, home.port_base())
    except ValueError as error:
        refuse(str(error))


def open_running() -> Plan:
    """Return the plan of a suite that runs; else refuse."""
    home = Home.from_environment()
    plan = open_plan(home)
    if suite.supervisor_pid(home) is None:
        refuse("nothing is running: crm up")
    return plan


def refuse(message: str, *, status: int = 1) -> NoReturn:
    """End the command with a line on stderr."""
    typer.echo(message, err=True)
    raise typer.Exit(status)
