"""RFC 9457 answers: every refusal, wrong field and outage becomes `application/problem+json`, and nothing else does."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import Response

from crm_shared.json_text import to_json
from crm_shared.refusals import (
    MAX_FIELD_PROBLEMS,
    FieldProblem,
    InvalidField,
    MalformedRequest,
    NotFound,
    Refusal,
    escape,
)

MEDIA_TYPE = "application/problem+json"
DECLARED: Final = "x-problems"
"""Where a route's declaration waits in its `responses` for `openapi.describe`: titles by slug."""

# Whoever has such an address is let in by it alone, as calendars can send nothing else: it must stand in no problem, no
# log and no metric (those go by the route's template).
_WITH_SECRET: Final = re.compile(r"(/v1/calendar/).+", re.DOTALL)
HIDDEN: Final = "***"


class ProblemField(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """What any 4xx or 5xx answers."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemField] = []


def problems(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """Declare what a route refuses by its own rules: `responses=problems(DealNotFound, StaleVersion)`.

    What the edge refuses on any route is not named here; `problems()` says that there is nothing else.
    """
    declared: dict[int | str, dict[str, Any]] = {}
    for refusal in refusals:
        declared.setdefault(refusal.status, {DECLARED: {}})[DECLARED][refusal.slug] = refusal.title
    return declared


def to_problem(refusal: Refusal, *, instance: str) -> dict[str, Any]:
    """Return one refusal as RFC 9457 has it. `instance` is the request's path; a secret in it is not shown."""
    return {
        "type": f"/problems/{refusal.slug}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": to_shown_path(instance),
        "errors": [{"pointer": field.pointer, "detail": field.detail} for field in refusal.errors],
        **refusal.extensions,
    }


def to_shown_path(path: str) -> str:
    """Return the path as it may be shown. All that stands where a secret does is hidden, even where it is none."""
    found = _WITH_SECRET.fullmatch(path)
    return path if found is None else found[1] + HIDDEN


def problem_response(refusal: Refusal, *, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    """Render one refusal. `instance` is the request's path."""
    sent = dict(headers or {})
    if refusal.retry_after_s is not None:
        sent.setdefault("Retry-After", str(refusal.retry_after_s))
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = "Bearer"
    body = to_json(to_problem(refusal, instance=instance))
    return Response(body, status_code=refusal.status, media_type=MEDIA_TYPE, headers=sent)


def refusal_of_validation(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """Turn FastAPI's findings into one refusal: a path id that is no id is a 404, anything else names its field."""
    if any(error["loc"][0] == "path" for error in errors):
        return NotFound("There is no such record.")
    if any(error["type"] == "json_invalid" for error in errors):
        return MalformedRequest("The body is not valid JSON.")
    fields = [FieldProblem(to_pointer(error["loc"]), _describe(error)) for error in errors[:MAX_FIELD_PROBLEMS]]
    return InvalidField("; ".join(f"{field.pointer or 'body'}: {field.detail}" for field in fields[:3]), errors=fields)


def to_pointer(location: Sequence[int | str]) -> str:
    """Write where a value stood: `/items/0/email` in the body, `?limit` in the query, `If-Match` of the headers."""
    place, *path = location
    if place == "query":
        return f"?{path[0]}" if path else "?"
    if place == "header":
        return str(path[0])
    return "".join(f"/{escape(str(part))}" for part in path)


def _describe(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a known field"
    if error["type"] == "missing":
        return "is required"
    return str(error["msg"]).removeprefix("Value error, ")
