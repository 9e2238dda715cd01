"""What `crm up` does before the demo: a suite is started, or what is missing of one that runs."""

import time

import typer

from crm_local import suite
from crm_local.engines.connect import KafkaConnect
from crm_local.engines.install import prefetch
from crm_local.engines.native import ENGINE_NAMES
from crm_local.home import Home
from crm_local.opening import open_plan, refuse

UP_WITHIN_S = 600.0


def bring_up(home: Home, began_s: float, *, replica: bool | None, cdc: bool | None, canary: bool | None) -> None:
    """Start everything, or what is missing, and show each as it gets ready; None leaves an option as it was last time.

    Raises SuiteFailed, and typer.Exit where the suite can't be started as is asked.
    """
    options = {"replica": ("a replica", replica), "debezium": ("Debezium", cdc), "canary": ("a canary", canary)}
    wanted = {option: is_wanted for option, (_, is_wanted) in options.items() if is_wanted is not None}
    running: list[str] = []
    if suite.is_ending(home):
        typer.echo("it is still stopping: that is waited for")
        suite.stop_supervisor(home)
    if suite.supervisor_pid(home) is not None:
        for option, is_wanted in wanted.items():
            if is_wanted is not home.has(option):
                refuse(f"it runs {'with' if home.has(option) else 'without'} {options[option][0]}: crm down first")
        base = (home.read_state() or {}).get("port_base")
        if base is not None and base != home.port_base():
            refuse(f"it runs on ports from {base}: crm down first")
        processes = suite.list_processes(home)
        running = [process["name"] for process in processes if process["state"] == "running"]
        suite.ask_to_restart(home, [process["name"] for process in processes if process["state"] == "backoff"])
        typer.echo(f"already running from {home.path}: {len(running)} processes (crm status)")
    else:
        home.make()
        for option, is_wanted in wanted.items():
            home.remember(option, wanted=is_wanted)
        home.remember_port_base(home.port_base())
        prefetch(*ENGINE_NAMES, *((KafkaConnect.name,) if home.has_debezium else ()))
        if ended := suite.end_leftovers(home):
            typer.echo(f"ended {len(ended)} processes that an earlier start left behind")
        if busy := suite.busy_ports(open_plan(home)):
            _refuse_busy(busy)
        suite.start_supervisor(home)
    suite.follow(home, _report_ready, UP_WITHIN_S, known=running)
    held = f" but {', '.join(sorted(home.list_held()))}: crm restore goes on" if home.list_held() else ""
    typer.echo(f"everything is up{held}, {time.monotonic() - began_s:.1f} s")


def _report_ready(name: str, ready_after_s: float) -> None:
    typer.echo(f"  {name:<18} ready after {ready_after_s:5.1f} s")


def _refuse_busy(busy: list[suite.BusyPort]) -> None:
    lines = [str(port) for port in busy]
    lines.append("End it, or take other ports for the whole suite: CRM_PORT_BASE=9000 make up")
    refuse("\n".join(lines))
