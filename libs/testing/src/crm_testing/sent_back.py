"""What GET answers, sent back by PATCH, for tests of every resource: nothing changes, and nothing is ignored."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx
from fastapi import FastAPI

from crm_shared.http.unchanged import list_readers
from crm_testing.answers import require_ok

OTHERS: Final[tuple[Any, ...]] = (None, "other", 99, True, [], {})


def list_patched(app: FastAPI) -> set[str]:
    """Return the paths of the records that PATCH changes and GET answers."""
    return set(list_readers(app.routes))


def list_read_only(app: FastAPI, template: str) -> set[str]:
    """Return the fields that the document calls read-only in a PATCH of `template`."""
    operation = app.openapi()["paths"][f"/v1{template}"]["patch"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    properties = app.openapi()["components"]["schemas"][schema]["properties"]
    return {name for name, described in properties.items() if described.get("readOnly")}


async def require_taken_back(
    client: httpx.AsyncClient, path: str, read_only: set[str], change: Mapping[str, Any]
) -> None:
    """Send the answer of `path` back: as it is, with each read-only field as another, and with `change`."""
    state = require_ok(await client.get(path))
    assert {"id", "version"} <= read_only <= state.keys()
    assert require_ok(await client.patch(path, json=state)) == state, "nothing was changed"
    for name in sorted(read_only):
        other = next(value for value in OTHERS if value != state[name])
        answer = await client.patch(path, json={**state, **change, name: other})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}"), answer.text
    answer = await client.patch(path, json={**state, "no_such_field": 1})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/no_such_field"), answer.text
    assert require_ok(await client.get(path)) == state
    changed = require_ok(await client.patch(path, json={**state, **change}))
    assert {name: changed[name] for name in change} == change
    stale = await client.patch(path, json=state)
    assert stale.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "/version" in {each["pointer"] for each in stale.json()["errors"]}, stale.text


async def require_taken_back_in_a_batch(
    client: httpx.AsyncClient, path: str, read_only: set[str], change: Mapping[str, Any]
) -> None:
    """Send the answer of `path` back as items of a batch of updates: what PATCH refuses of it, each item refuses."""
    state = require_ok(await client.get(path))
    compared = sorted(read_only - {"id"})  # which is how an item names its record
    changed = [{**state, **change, name: next(value for value in OTHERS if value != state[name])} for name in compared]
    items = [state, *changed, {**state, "no_such_field": 1}, {**state, **change}, state]
    answer = await client.post(f"{path.rpartition('/')[0]}/batch", json={"mode": "update", "items": items})
    same, *refused, written, stale = require_ok(answer, HTTPStatus.MULTI_STATUS)["items"]
    assert (same["status"], written["status"]) == (HTTPStatus.OK, HTTPStatus.OK), answer.text
    pointers = [(item["status"], item["problem"]["errors"][0]["pointer"]) for item in refused]
    assert pointers == [(HTTPStatus.UNPROCESSABLE_ENTITY, f"/{name}") for name in [*compared, "no_such_field"]]
    assert "/version" in {each["pointer"] for each in stale["problem"]["errors"]}, "another item has changed it"
    present = require_ok(await client.get(path))
    assert {name: present[name] for name in change} == change
    assert present["version"] == state["version"] + 1, "what was refused or the same has changed nothing"
