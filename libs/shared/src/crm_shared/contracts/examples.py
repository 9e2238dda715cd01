"""One realistic record per event type, made by the code that sends them: the story of the deal "Acme renewal"."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_jsonable_python

from crm_shared.contracts.changes import conceal
from crm_shared.contracts.event_types import VERBS, Change
from crm_shared.contracts.example_records import (
    CREATED_AT,
    HAPPENED,
    HAPPENED_AT,
    MOVED_AT,
    RECORDS,
    REP,
    STAGE_HISTORY,
    STAGES,
    STORY,
    TENANT,
    VALUE_HISTORIES,
    Fields,
    make_id,
)
from crm_shared.contracts.topics import ERASED, SNAPSHOT
from crm_shared.contracts.writing import new_event


def build_example(event_type: str) -> Fields:
    """Return one record of the type as `{key, headers, value}`; headers are text, value is the parsed JSON."""
    _, aggregate, verb = event_type.split(".")
    is_creation, is_snapshot = verb == VERBS[aggregate][0], verb == SNAPSHOT
    before, after = STORY.get(event_type, ({}, {}))
    version = 1 if is_creation else 7
    changed_at = HAPPENED if is_creation else MOVED_AT if is_snapshot else HAPPENED
    record = RECORDS[aggregate] | before
    times = {"created_at": HAPPENED if is_creation else CREATED_AT, "updated_at": changed_at}
    changed = conceal(_compare(record, after)) if verb == ERASED else _compare(record, after)
    event = new_event(
        aggregate=aggregate,
        aggregate_id=UUID(record["id"]),
        verb=verb,
        version=version,
        tenant_id=UUID(TENANT),
        occurred_at=HAPPENED_AT,
        state={"id": record["id"], "version": version, **times} | record | after,
        changed=None if is_creation or is_snapshot else changed,
        actor_id=None if is_snapshot else UUID(REP),
        history=STAGE_HISTORY if event_type == "crm.deal.snapshot" else None,
        value_history=VALUE_HISTORIES.get(event_type),
    )
    published = replace(event, id=UUID(make_id(100)))
    headers = published.headers("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    return {
        "key": str(published.aggregate_id),
        "headers": {name: raw.decode() for name, raw in headers},
        "value": to_jsonable_python(from_json(published.payload)),
    }


def _compare(record: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    changed: dict[str, Change] = {name: {"from": record[name], "to": value} for name, value in after.items()}
    if "stage_id" in changed:
        names = {stage["id"]: stage["name"] for stage in STAGES.values()}
        stage = changed["stage_id"]
        changed["stage_name"] = {"from": names[stage["from"]], "to": names[stage["to"]]}
    return changed
