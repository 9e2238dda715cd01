"""An activity's life against a flat model: logged, edited, completed, reopened, deleted, restored, sent in batches."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.examples import examples
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
T = TypeVar("T")
PATH = "/v1/activities"
ENDED_AT, NOW = "2026-11-02T09:30:00Z", "now"
EXAMPLES = examples(12)

subjects = st.sampled_from(["call", "write", None])
external_ids = st.sampled_from(["1", "2", "3", None])
ends = st.sampled_from([ENDED_AT, None])
places = st.integers(0, 4)
changes = st.fixed_dictionaries(
    {}, optional={"subject": subjects, "external_id": external_ids, "completed_at": ends, "priority": st.just("HIGH")}
)


@dataclass(frozen=True)
class ModelTask:
    """What should be there. `completed_at` is ENDED_AT, NOW for whatever moment the service took, or None."""

    id: str
    version: int = 1
    subject: str | None = None
    external_id: str | None = None
    completed_at: str | None = None
    priority: str | None = None
    is_deleted: bool = False

    def change(self, fields: dict[str, Any]) -> "ModelTask":
        return replace(self, **fields)


class Lives(RuleBasedStateMachine):
    """One tenant's tasks. The test binds it to a running service and to that one's loop."""

    service: ClassVar[Kit]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=120)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.wait(self.service.client(self.tenant.rep).request(method, PATH + path, **more))

    @initialize()
    def begin(self) -> None:
        self.tenant: SeededTenant = self.wait(self.service.seed_tenant())
        self.model: dict[str, ModelTask] = {}
        self.expected: list[tuple[str, int, str]] = []

    def choose(self, place: int) -> ModelTask | None:
        return list(self.model.values())[place] if place < len(self.model) else None

    def find_unique_owner(self, external_id: str | None) -> ModelTask | None:
        present = (task for task in self.model.values() if not task.is_deleted)
        return next((task for task in present if external_id is not None and task.external_id == external_id), None)

    def keep(self, task: ModelTask, verb: str) -> None:
        self.model[task.id] = task
        self.expected.append((task.id, task.version, verb))

    def conclude(
        self, task: ModelTask, wanted: ModelTask, status: int, answered: dict[str, Any], verb: str = ""
    ) -> None:
        """Hold the answer to a change against the model, and take over what it did."""
        holder = self.find_unique_owner(wanted.external_id)
        if wanted == task:
            assert status == 200, answered
        elif holder is not None and holder.id != task.id:
            assert (status, answered["existing_id"]) == (409, holder.id)
        else:
            assert (status, answered["id"]) == (200, task.id)
            completed = {(False, True): "completed", (True, False): "reopened"}
            named = verb or completed.get((task.completed_at is not None, wanted.completed_at is not None), "updated")
            self.keep(replace(wanted, version=task.version + 1), named)

    def conclude_new(self, fields: dict[str, Any], status: int, answered: dict[str, Any]) -> None:
        holder = self.find_unique_owner(fields.get("external_id"))
        if holder is not None:
            assert (status, answered["existing_id"]) == (409, holder.id)
        else:
            assert status == 201, answered
            self.keep(ModelTask(answered["id"]).change(fields), "logged")

    @rule(fields=changes)
    def log(self, fields: dict[str, Any]) -> None:
        answer = self.call("POST", "", json={"type": "TASK", **fields})
        self.conclude_new(fields, answer.status_code, answer.json())

    @rule(place=places, fields=changes, stale=st.booleans())
    def edit(self, place: int, fields: dict[str, Any], *, stale: bool) -> None:
        task = self.choose(place)
        if task is None:
            return
        headers = {"If-Match": f'"{task.version - 1 if stale else task.version}"'}
        answer = self.call("PATCH", f"/{task.id}", json=fields, headers=headers)
        if task.is_deleted:
            require_problem(answer, 404, "not-found")
        elif stale:
            require_problem(answer, 412, "stale-version")
        else:
            self.conclude(task, task.change(fields), answer.status_code, answer.json())

    @rule(place=places, act=st.sampled_from(["complete", "reopen"]))
    def end(self, place: int, act: str) -> None:
        task = self.choose(place)
        if task is None:
            return
        answer = self.call("POST", f"/{task.id}/{act}")
        if task.is_deleted:
            require_problem(answer, 404, "not-found")
        else:
            wanted = replace(task, completed_at=(task.completed_at or NOW) if act == "complete" else None)
            self.conclude(task, wanted, answer.status_code, answer.json())

    @rule(place=places)
    def delete(self, place: int) -> None:
        task = self.choose(place)
        if task is None:
            return
        assert self.call("DELETE", f"/{task.id}").status_code == (404 if task.is_deleted else 204)
        if not task.is_deleted:
            self.keep(replace(task, is_deleted=True, version=task.version + 1), "deleted")

    @rule(place=places)
    def restore(self, place: int) -> None:
        task = self.choose(place)
        if task is None:
            return
        answer = self.call("POST", f"/{task.id}/restore")
        self.conclude(task, replace(task, is_deleted=False), answer.status_code, answer.json(), "restored")

    @rule(mode=st.sampled_from(["create", "upsert"]), sent=st.lists(changes, min_size=1, max_size=6))
    def batch(self, mode: str, sent: list[dict[str, Any]]) -> None:
        body = {"mode": mode, "items": [{"type": "TASK", **fields} for fields in sent]}
        answers = require_ok(self.call("POST", "/batch", json=body), 207)["items"]
        for fields, answer in zip(sent, answers, strict=True):
            answered = answer.get("problem", answer)
            holder = self.find_unique_owner(fields.get("external_id"))
            if mode == "upsert" and fields.get("external_id") is None:
                assert answer["status"] == 422
            elif mode == "upsert" and holder is not None:
                self.conclude(holder, holder.change(fields), answer["status"], answered)
            else:
                self.conclude_new(fields, answer["status"], answered)

    @rule(place=places, fields=changes)
    def update_in_batch(self, place: int, fields: dict[str, Any]) -> None:
        task = self.choose(place)
        if task is None:
            return
        body = {"mode": "update", "items": [{"id": task.id, **fields}]}
        (answer,) = require_ok(self.call("POST", "/batch", json=body), 207)["items"]
        if task.is_deleted:
            assert answer["status"] == 404
        else:
            self.conclude(task, task.change(fields), answer["status"], answer.get("problem", answer))

    @invariant()
    def the_service_has_what_the_model_has(self) -> None:
        listed = self.wait(walk_pages(self.service.client(self.tenant.rep), PATH, limit=200))
        present = {task for task in self.model.values() if not task.is_deleted}
        assert {self.describe(task) for task in listed} == present

    def teardown(self) -> None:
        """Hold events and audit against all that was done."""
        answered = [
            (str(e.aggregate_id), e.version, e.verb) for e in self.wait(self.service.take_events(self.tenant.id))
        ]
        assert answered == self.expected
        admin = self.service.client(self.tenant.admin)
        for task in self.model.values():
            items = self.wait(walk_pages(admin, f"{PATH}/{task.id}/changes", limit=200))
            verbs = [(task.id, item["version"], item["event_type"].rpartition(".")[2]) for item in reversed(items)]
            assert verbs == [one for one in self.expected if one[0] == task.id]

    @staticmethod
    def describe(task: dict[str, Any]) -> ModelTask:
        completed_at = NOW if task["completed_at"] not in {None, ENDED_AT} else task["completed_at"]
        return ModelTask(
            task["id"], task["version"], task["subject"], task["external_id"], completed_at,
            task["priority"], task["deleted_at"] is not None,
        )  # fmt: skip


async def test_a_life_is_what_a_flat_model_says(service: Kit) -> None:
    class Bound(Lives):
        pass

    Bound.service, Bound.loop = service, asyncio.get_running_loop()
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    await asyncio.to_thread(run_state_machine_as_test, Bound, settings=limits)
