"""Asks the services of a suite for one event, those first that may have told of it, and puts it together."""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from crm_local.opening import refuse
from crm_local.plan import Plan
from crm_shared.contracts.topics import TOPICS
from crm_shared.features.event_tracking.looking import Wanted
from crm_shared.features.event_tracking.parts import PARTS, ServicePart, Unanswered
from crm_shared.service_registry import PUBLISHERS, SERVICES

COMPOSE_SERVICE: Final = "/opt/crm/crm-service"
END_WITHIN_S: Final = 5.0


class Asked(Protocol):
    """A suite whose services' commands can be run."""

    def command(self, service: str, arguments: Sequence[str]) -> tuple[list[str], Mapping[str, str] | None]:
        """Return the command line of `crm-<service> why …`, and its environment where it is not this process's."""
        ...


class LocalServices:
    """Those of `crm up`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def command(self, service: str, arguments: Sequence[str]) -> tuple[list[str], Mapping[str, str] | None]:
        return self._plan.service_command(service, *arguments), self._plan.service_environment(service, "why")


class ComposeServices:
    """Those of docker-compose.yml, each asked in its worker's container."""

    def __init__(self, folder: Path) -> None:
        self._begin = ["docker", "compose", "--project-directory", str(folder), "exec", "-T"]

    def command(self, service: str, arguments: Sequence[str]) -> tuple[list[str], Mapping[str, str] | None]:
        return [*self._begin, f"{service}-worker", COMPOSE_SERVICE, *arguments], None


async def ask_all(asked: Asked, wanted: Wanted) -> list[ServicePart]:
    """Return what each service knows that has to do with the event, in the suite's order."""
    arguments = ["why", str(wanted.event_id), "--json", f"--most={wanted.most_records}"]
    arguments += [f"--record={wanted.record_id}"] if wanted.record_id is not None else []
    parts = await _ask_until_found(asked, PUBLISHERS, [*arguments, "--own"], wanted.event_id)
    place = next((part.place for part in parts if part.place is not None), None)
    if place is not None:
        spec = TOPICS[place.topic]
        left = {spec.service, *spec.readers} - {part.service for part in parts if part.place is not None}
        found_at = f"--at={place.topic}/{place.partition}/{place.offset}"
        parts = [part for part in parts if part.place is not None]
        parts += await _ask_until_found(asked, left, [*arguments, found_at], wanted.event_id, is_found=True)
    return sorted(parts, key=lambda part: SERVICES.index(part.service))


async def _ask_until_found(
    asked: Asked, services: Iterable[str], arguments: Sequence[str], event_id: UUID, *, is_found: bool = False
) -> list[ServicePart]:
    """Ask at once. The first that finds where it stands ends the others' search, unless that `is_found` already."""
    asking = [asyncio.create_task(_ask(asked, service, arguments, event_id)) for service in services]
    parts: list[ServicePart] = []
    try:
        for answered in asyncio.as_completed(asking):
            parts.append(await answered)
            if parts[-1].place is not None and not is_found:
                break
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return parts


async def _ask(asked: Asked, service: str, arguments: Sequence[str], event_id: UUID) -> ServicePart:
    command, environment = asked.command(service, arguments)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment if environment is None else dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        refuse(f"{command[0]} is not there: {os.strerror(error.errno or 0)}")
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await _end(process)
    try:
        (part,) = PARTS.validate_json(printed)
    except ValueError:
        reason = f"its command ended with status {process.returncode}"
        return ServicePart(service, event_id, has_outbox=False, unanswered=[Unanswered("anything", reason)])
    return part


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command that nobody waits for any more, by force where it does not go when told to."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
