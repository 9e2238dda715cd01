"""A service's rooms by their names, and what a worker puts together in its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic

from crm_shared.entry_points.loading import SettingsT

if TYPE_CHECKING:
    from fastapi import FastAPI

    from crm_shared.bus import Consumer, Subscription
    from crm_shared.features.event_tracking.looking import FindEffects
    from crm_shared.features.replicas.repair import Opened
    from crm_shared.snapshots.sources import SnapshotSource
    from crm_shared.telemetry.health import Check


@dataclass(frozen=True)
class Consuming:
    """What a worker runs: its subscriptions, bound to their stores, and the checks of those stores."""

    subscriptions: Sequence["Subscription"]
    checks: Mapping[str, "Check"]


class Rooms(Generic[SettingsT]):
    """A service's rooms, found by their names, which are the same in every service.

    Each is imported when it is entered, so that a process loads its own side alone: an API needs no Kafka client.
    """

    def __init__(
        self, service: str, *, prepare: Callable[[SettingsT], Awaitable[None]] | None, has_effects: bool = False
    ) -> None:
        self._package = f"crm_{service}"
        self.prepare = prepare
        self._has_effects = has_effects

    @property
    def migrations(self) -> Path:
        return Path(str(import_module(self._package).__file__)).parents[2] / "migrations" / "versions"

    def make_app(self, settings: SettingsT) -> "FastAPI":
        app: FastAPI = self._enter("app").make_app(settings)
        return app

    def list_consumers(self) -> Sequence["Consumer[...]"]:
        consumers: Sequence[Consumer[...]] = self._enter("worker").CONSUMERS
        return consumers

    def list_groups(self) -> Mapping[str, Sequence[str]]:
        """Return each consumer group of the service with the topics it reads."""
        return {consumer.group_id: consumer.topics for consumer in self.list_consumers()}

    def consuming(self, settings: SettingsT) -> AbstractAsyncContextManager[Consuming]:
        consuming: AbstractAsyncContextManager[Consuming] = self._enter("worker").consuming(settings)
        return consuming

    def opening_projections(self, settings: SettingsT) -> "Opened":
        opened: Opened = self._enter("repairs").opening_projections(settings)
        return opened

    def list_snapshot_sources(self) -> Sequence["SnapshotSource"]:
        sources: Sequence[SnapshotSource] = self._enter("snapshots").SOURCES
        return sources

    def find_effects_with(self, settings: SettingsT) -> "FindEffects | None":
        """Return what finds the effects of an event in this service's stores; None of a service that makes none."""
        return partial(self._enter("effects").find_effects, settings) if self._has_effects else None

    def _enter(self, room: str) -> ModuleType:
        return import_module(f"{self._package}.{room}")
