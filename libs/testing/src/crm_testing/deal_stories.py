"""Pipelines and deals told as events, the way the deals service tells them: for tests of those who listen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crm_shared.clock import new_id
from crm_shared.contracts import Change, Event, new_event
from crm_shared.contracts.changes import list_changes
from crm_shared.contracts.dated_values import dated_fields
from crm_testing.published import to_event
from crm_testing.published_records import make_empty

BEGAN_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PublishedStage:
    id: UUID
    name: str
    win_probability: int
    kind: str


@dataclass(frozen=True, slots=True)
class PublishedPipeline:
    """`publish()` gives its event; `republished(...)` the next version of it."""

    tenant_id: UUID
    id: UUID
    stages: tuple[PublishedStage, ...]
    name: str = "Sales"
    version: int = 1
    is_default: bool = True
    at: datetime = BEGAN_AT

    @classmethod
    def sales(cls, tenant_id: UUID, *, is_default: bool = True) -> "PublishedPipeline":
        """Make one with the six stages that a new tenant gets."""
        stages = (
            PublishedStage(new_id(), "Qualification", 10, "OPEN"),
            PublishedStage(new_id(), "Discovery", 25, "OPEN"),
            PublishedStage(new_id(), "Proposal", 50, "OPEN"),
            PublishedStage(new_id(), "Negotiation", 75, "OPEN"),
            PublishedStage(new_id(), "Closed Won", 100, "WON"),
            PublishedStage(new_id(), "Closed Lost", 0, "LOST"),
        )
        return cls(tenant_id, new_id(), stages, is_default=is_default)

    def stage(self, name: str) -> PublishedStage:
        return next(stage for stage in self.stages if stage.name == name)

    def republished(self, **changes: Any) -> "PublishedPipeline":
        return replace(self, **changes, version=self.version + 1)

    def publish(self) -> Event:
        """Return the event of this version; the stages count as changed by it."""
        verb = "created" if self.version == 1 else "updated"
        changed: Mapping[str, Change] | None = None
        if self.version > 1:
            changed = {"stages": {"from": None, "to": self.stage_states}}
        return _to_event("pipeline", verb, self.tenant_id, self._state, changed, self.at)

    def snapshot(self, *former: "PublishedPipeline") -> Event:
        """Repeat this version, with the stages that it and the `former` ones had."""
        history = [
            {"version": one.version, "changed_at": one.at, "values": {"stages": one.stage_states}}
            for one in (*former, self)
        ]
        return _to_event("pipeline", "snapshot", self.tenant_id, self._state, None, self.at, value_history=history)

    @property
    def stage_states(self) -> list[dict[str, Any]]:
        return [
            {
                "id": stage.id,
                "name": stage.name,
                "win_probability": stage.win_probability,
                "kind": stage.kind,
                "rotting_days": None,
                "position": position,
            }
            for position, stage in enumerate(self.stages)
        ]

    @property
    def _state(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "version": self.version,
            "name": self.name,
            "is_default": self.is_default,
            "archived": False,
            "stages": self.stage_states,
            "created_at": BEGAN_AT,
            "updated_at": self.at,
        }


@dataclass
class DealStory:
    """One deal's life. Each act gives the events that it makes, a closing move two; `events` holds them all.

    `at` moves on by a minute an act, unless an act says when it happened. `actor_id` acts, else the owner.
    """

    pipeline: PublishedPipeline
    owner_id: UUID
    amount: Decimal | None = Decimal("1000.00")
    currency: str = "EUR"
    close_date: date | None = date(2026, 12, 15)
    stage: str = "Qualification"
    at: datetime = BEGAN_AT
    id: UUID = field(default_factory=new_id)
    events: list[Event] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    value_history: list[dict[str, Any]] = field(default_factory=list)
    contact_id: UUID | None = None
    actor_id: UUID | None = None

    def create(self) -> Sequence[Event]:
        stage = self.pipeline.stage(self.stage)
        self.state = {
            **make_empty("deal"),
            "id": self.id,
            "version": 0,
            "name": "Acme renewal",
            "contact_id": self.contact_id,
            "owner_id": self.owner_id,
            "pipeline_id": self.pipeline.id,
            "stage_id": stage.id,
            "amount": self.amount,
            "currency": self.currency,
            "close_date": self.close_date,
            "status": stage.kind,
            "stage_changed_at": self.at,
            "closed_at": None if stage.kind == "OPEN" else self.at,
            "created_at": self.at,
            "updated_at": self.at,
        }
        created = self._publish("created", None)
        self._remember(None, stage)
        if stage.kind == "OPEN":
            return [created]
        return [created, self._publish(stage.kind.lower(), {})]

    def move(
        self, to: str, *, at: datetime | None = None, pipeline: PublishedPipeline | None = None
    ) -> Sequence[Event]:
        """Go to a stage of the same pipeline, or of another."""
        source = self._present_stage
        self.pipeline = pipeline or self.pipeline
        target = self.pipeline.stage(to)
        self._go_on(at)
        moved = self._publish(
            "stage_changed",
            {
                "stage_id": {"from": source.id, "to": target.id},
                "stage_name": {"from": source.name, "to": target.name},
            },
            pipeline_id=self.pipeline.id,
            stage_id=target.id,
            stage_changed_at=self.at,
        )
        self._remember(source, target)
        if target.kind == self.state["status"]:
            return [moved]
        before = self.state["status"]
        settled = self._publish(
            "reopened" if target.kind == "OPEN" else target.kind.lower(),
            {"status": {"from": before, "to": target.kind}},
            status=target.kind,
            closed_at=None if target.kind == "OPEN" else self.at,
        )
        return [moved, settled]

    def edit(self, **changes: Any) -> Sequence[Event]:
        self._go_on(None)
        changed: dict[str, Change] = {name: {"from": self.state[name], "to": to} for name, to in changes.items()}
        return [self._publish("updated", changed, **changes)]

    def delete(self) -> Sequence[Event]:
        self._go_on(None)
        return [self._publish("deleted", {"deleted_at": {"from": None, "to": self.at}}, deleted_at=self.at)]

    def restore(self) -> Sequence[Event]:
        self._go_on(None)
        before = self.state["deleted_at"]
        return [self._publish("restored", {"deleted_at": {"from": before, "to": None}}, deleted_at=None)]

    def snapshot(self) -> Event:
        """Repeat the present version with the whole history; not one of `events`."""
        return _to_event(
            "deal",
            "snapshot",
            self.pipeline.tenant_id,
            self.state,
            None,
            self.at,
            history=list(self.history),
            value_history=list(self.value_history),
        )

    @property
    def is_deleted(self) -> bool:
        return self.state["deleted_at"] is not None

    @property
    def _present_stage(self) -> PublishedStage:
        return next(stage for stage in self.pipeline.stages if stage.id == self.state["stage_id"])

    def _go_on(self, at: datetime | None) -> None:
        self.at = at or self.at + timedelta(minutes=1)

    def _remember(self, source: PublishedStage | None, target: PublishedStage) -> None:
        self.history.append(
            {
                "version": self.state["version"],
                "from_stage": None if source is None else {"id": source.id, "name": source.name},
                "to_stage": {"id": target.id, "name": target.name},
                "changed_at": self.state["stage_changed_at"],
                "changed_by": self.actor_id or self.owner_id,
            }
        )

    def _publish(self, verb: str, changed: Mapping[str, Change] | None, **changes: Any) -> Event:
        before = self.state
        self.state = {**self.state, **changes, "version": self.state["version"] + 1, "updated_at": self.at}
        if changed is not None:
            changed = {**changed, **list_changes(before, self.state)}
        dated = dated_fields("deal") if changed is None else [name for name in dated_fields("deal") if name in changed]
        if dated:
            values = {name: self.state[name] for name in dated}
            self.value_history.append({"version": self.state["version"], "changed_at": self.at, "values": values})
        event = _to_event(
            "deal", verb, self.pipeline.tenant_id, self.state, changed, self.at, actor_id=self.actor_id or self.owner_id
        )
        self.events.append(event)
        return event


def _to_event(
    aggregate: str,
    verb: str,
    tenant_id: UUID,
    state: Mapping[str, Any],
    changed: Mapping[str, Change] | None,
    at: datetime,
    **more: Any,
) -> Event:
    return to_event(
        new_event(
            aggregate=aggregate,
            aggregate_id=state["id"],
            verb=verb,
            version=state["version"],
            tenant_id=tenant_id,
            occurred_at=at,
            state=state,
            changed=changed,
            actor_id=more.pop("actor_id", None),
            **more,
        )
    )
