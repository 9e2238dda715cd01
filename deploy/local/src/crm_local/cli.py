"""The `crm` command: the whole suite on this machine. Each command is a few lines over the modules beside this one.

What only one command needs it imports itself: `crm ps` answers in a third of the time that way.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from crm_local import suite
from crm_local.backups.cli import backup, restore
from crm_local.bringing_up import bring_up
from crm_local.event_tracking.cli import why
from crm_local.home import Home
from crm_local.opening import open_plan, open_running, refuse
from crm_local.plan import Plan
from crm_local.reports.cli import report
from crm_shared.service_registry import SERVICES

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The CRM suite on this machine.")
tenants = typer.Typer(no_args_is_help=True, help="Tenants: the customers whose data stand alone.")
app.add_typer(tenants, name="tenant")
app.command()(report)
app.command()(why)
app.add_typer(backup, name="backup")
app.command()(restore)


@app.command()
def up(
    *,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="start empty, without the demo tenant")] = False,
    replica: Annotated[
        bool | None,
        typer.Option("--replica/--no-replica", help="reports read a standby of PostgreSQL; by default as last time"),
    ] = None,
    cdc: Annotated[
        bool | None,
        typer.Option("--cdc/--no-cdc", help="Debezium brings events to Kafka; by default as last time"),
    ] = None,
    canary: Annotated[
        bool | None,
        typer.Option("--canary/--no-canary", help="a deal is moved and timed all the while; by default as last time"),
    ] = None,
) -> None:
    """Start everything; again is fine. What runs already is left alone."""
    from crm_local import demo as demonstration

    home, began_s = Home.from_environment(), time.monotonic()
    try:
        bring_up(home, began_s, replica=replica, cdc=cdc, canary=canary)
        if not no_demo:
            demonstration.run(demonstration.LocalSuite(open_plan(home)), typer.echo)
    except KeyboardInterrupt:
        # It may come twice, from the terminal and from what runs us there; half of a stop would be left.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        typer.echo("\nstopping")
        suite.stop_supervisor(home)
        raise typer.Exit(130) from None
    except (suite.SuiteFailed, demonstration.DemoFailed) as error:
        if suite.is_ending(home):
            suite.stop_supervisor(home)
        is_left = suite.supervisor_pid(home) is not None
        refuse(f"{error}\nThe rest is left running: crm status, crm down" if is_left else str(error))
    _show_addresses(open_plan(home))


@app.command()
def down() -> None:
    """Stop everything; the data stay."""
    typer.echo("stopped" if suite.stop_supervisor(Home.from_environment()) else "nothing was running")


@app.command()
def reset() -> None:
    """Stop everything and delete this suite's data, logs and keys."""
    home = Home.from_environment()
    suite.stop_supervisor(home)
    home.remove()
    typer.echo(f"{home.path} is gone")


@app.command()
def status() -> None:
    """Show every process: state, port, pid, how often it was restarted and why."""
    home = Home.from_environment()
    processes = suite.list_processes(home)
    if suite.supervisor_pid(home) is None and any(process["pid"] for process in processes):
        typer.echo(
            "The supervisor was killed, nobody looks after these: crm up starts anew, crm down ends them", err=True
        )
    for process in processes:
        restarts = process.get("restarts", 0)
        more = f"  {restarts} restarts, last {process['last_end']}" if process.get("last_end") else ""
        if process["name"] == "postgres-replica" and process["state"] == "running":
            from crm_local.replica import describe_lag

            more += f"  {describe_lag(open_plan(home))}"
        if process["name"] == "connect" and process["state"] == "running":
            from crm_local.debezium import describe_connectors

            more += f"  {describe_connectors(open_plan(home))}"
        typer.echo(f"{process['name']:<18} {process['state']:<9} {process['port']:<6} {process['pid'] or '-':<8}{more}")


@app.command()
def ps(
    *, as_json: Annotated[bool, typer.Option("--json", help="[{name, service, role, pid, port, state}]")] = False
) -> None:
    """List the processes, for scripts."""
    columns = ("name", "service", "role", "pid", "port", "state")
    rows = [
        {column: process[column] for column in columns} for process in suite.list_processes(Home.from_environment())
    ]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo("\t".join("-" if value is None else str(value) for value in row.values()))


@app.command()
def logs(
    process: Annotated[str | None, typer.Argument(help="such as deals-worker; none: where all are")] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines")] = 50,
) -> None:
    """Show the last lines of a process's log."""
    plan = open_plan(Home.from_environment())
    if process is None:
        for name in sorted({*plan.ports().values()}):
            typer.echo(f"{name:<18} {plan.log_file(name)}")
        return
    try:
        file = plan.log_file(process)
    except KeyError:
        refuse(f"no process {process}: see crm ps")
    tail = shutil.which("tail") or "tail"
    os.execv(tail, [tail, f"-n{lines}", *(["-F"] if follow else []), str(file)])  # noqa: S606 - no shell needed


@app.command()
def env() -> None:
    """Print KEY=value lines, for `export $(crm env)`."""
    for name, value in open_plan(Home.from_environment()).public_environment().items():
        typer.echo(f"{name}={value}")


@app.command()
def restart(process: str) -> None:
    """Stop one process and start it again."""
    home = open_running().home
    if process not in {row["name"] for row in suite.list_processes(home)}:
        refuse(f"no process {process}: see crm ps")
    try:
        suite.restart_process(home, process)
    except suite.SuiteFailed as error:
        refuse(str(error))
    typer.echo(f"{process} is running again")


@app.command()
def token(
    tenant: Annotated[UUID, typer.Option(help="the tenant's id")],
    user: Annotated[str, typer.Option(help="the user's id or e-mail address")],
    ttl: Annotated[str, typer.Option(help="30s, 15m, 1h")] = "1h",
) -> None:
    """Print a token of the local issuer."""
    from crm_issuer.tokens import parse_ttl
    from crm_local.accounts import UnknownUser, find_user_id
    from crm_local.issuer import ExternalIssuer, issue

    home = Home.from_environment()
    try:
        ttl_s = parse_ttl(ttl)
        user_id = find_user_id(open_plan(home), tenant, user)
        typer.echo(issue(home, tenant_id=tenant, user_id=user_id, ttl_s=ttl_s))
    except (ValueError, ExternalIssuer, UnknownUser) as error:
        refuse(str(error))
    except FileNotFoundError:
        refuse("this suite has no issuer yet: crm up")


@tenants.command("create")
def create_tenant(
    name: Annotated[str, typer.Option()],
    admin_email: Annotated[str, typer.Option()],
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA name")] = "Europe/Berlin",
) -> None:
    """Make a tenant with its first ADMIN; prints {"tenant_id", "admin_id"}."""
    plan = open_plan(Home.from_environment())
    arguments = ["--name", name, "--admin-email", admin_email, "--currency", currency, "--time-zone", time_zone]
    command = plan.service_command("contacts", "create-tenant", *arguments)
    sys.exit(subprocess.run(command, env=plan.service_environment("contacts", "create-tenant"), check=False).returncode)  # noqa: S603


@tenants.command("list")
def list_tenants() -> None:
    """List the tenants, the oldest first: id and name."""
    from crm_local import accounts

    try:
        for tenant in accounts.list_tenants(open_plan(Home.from_environment())):
            typer.echo(f"{tenant.tenant_id}  {tenant.name}")
    except accounts.UnknownUser as error:
        refuse(str(error))


@app.command(
    # What follows the service is its command's own, options too.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
)
def run(context: typer.Context, service: Annotated[str, typer.Argument(help=", ".join(SERVICES))]) -> None:
    """Run a service's own command with this suite's settings: `crm run deals republish`, `crm run search --help`."""
    if service not in SERVICES:
        refuse(f"no service {service}: there are {', '.join(SERVICES)}")
    plan, arguments = open_plan(Home.from_environment()), context.args or ["--help"]
    environment = dict(os.environ)
    if "--help" not in arguments:
        try:
            environment = plan.service_environment(service, arguments[0])
        except KeyError:
            refuse(f"crm-{service} has no command {arguments[0]} to be run here: crm run {service} --help")
    command = plan.service_command(service, *arguments)
    os.execve(command[0], command, environment)  # noqa: S606 - no shell needed


@app.command()
def demo(
    *, compose: Annotated[bool, typer.Option("--compose", help="in the containers of docker-compose.yml")] = False
) -> None:
    """Load the demo tenant unless it is there; move a deal, merge a contact entered twice, and time both."""
    from crm_local import demo as demonstration
    from crm_local.compose_suite import ComposeSuite

    try:
        reached = ComposeSuite(Path.cwd()) if compose else demonstration.LocalSuite(open_running())
        demonstration.run(reached, typer.echo)
    except demonstration.DemoFailed as error:
        refuse(str(error))


def _show_addresses(plan: Plan) -> None:
    from crm_local import demo as demonstration

    typer.echo("")
    for service in SERVICES:
        typer.echo(f"{service:<11} {plan.api_url(service)}/docs")
    typer.echo("")
    for line in demonstration.suggestions(plan):
        typer.echo(line)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
