"""Completes the OpenAPI document with what CrmRoute does for every endpoint: the token, the headers, the problems."""

from functools import cache
from threading import Lock
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_shared.http.answering import InternalError
from crm_shared.http.idempotency import MAX_KEY_LENGTH, KeyInUse, KeyReused
from crm_shared.http.problems import DECLARED, MEDIA_TYPE, Problem, problems
from crm_shared.json_text import to_json
from crm_shared.refusals import (
    Forbidden,
    InvalidField,
    MalformedRequest,
    NotFound,
    RateLimited,
    Refusal,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedType,
)

Json = dict[str, Any]

WRITES: Final = {"patch", "delete", "put", "post"}

# What the edge refuses, whatever the route; a route declares its own beside it.
ON_ANY: Final = (MalformedRequest, Unauthenticated, InvalidField, RateLimited, InternalError, Unavailable)
ON_WRITES: Final = (Forbidden, TooLarge, UnsupportedType)
ON_POSTS: Final = (KeyInUse, KeyReused)
ON_IDS: Final = (NotFound,)

MEANINGS: Final = {
    "400": "The body or a header can't be read",
    "401": "No valid token",
    "403": "Your role, or your share of the record, does not allow this",
    "404": "Absent, or out of your sight",
    "409": "Conflicts with what is there",
    "412": "If-Match names another version",
    "413": "The body is too large",
    "415": "The body is not of the type that is taken",
    "422": "A field or parameter is not valid; `errors` names it",
    "429": "Too many requests; `Retry-After` tells when to come again",
    "500": "Something went wrong on our side; it was logged",
    "503": "A store or another service is away; `Retry-After` tells when to come again",
}
ANSWER_HEADERS: Final = {
    "401": {"WWW-Authenticate": ("Bearer", "string")},
    "429": {"Retry-After": ("seconds", "integer")},
    "503": {"Retry-After": ("seconds", "integer")},
}
WRITTEN_HEADERS: Final = {
    "ETag": ('The record\'s version, such as "7": what If-Match takes', "string"),
    "Crm-Position": ("The write's position in the events: what `after=` takes", "string"),
}


def describe(app: FastAPI) -> Json:
    """Return the finished document; made once and kept."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        definitions = components["schemas"]["Problem"].pop("$defs", {})
        components["schemas"].update(definitions)
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        shared: Json = components.setdefault("responses", {})
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        document["security"] = [{"bearer": []}]
        for path, operations in document["paths"].items():
            if {"get", "patch"} <= operations.keys():
                _add_read_only(operations["patch"], components["schemas"])
            for method, operation in operations.items():
                _complete(path, method, operation, shared)
        app.openapi_schema = document
    return app.openapi_schema


def _add_read_only(operation: Json, schemas: Json) -> None:
    """Say of a PATCH that it takes what GET shows beside its own fields, unchanged."""
    taken, shown = (
        schemas[part["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]["properties"]
        for part in (operation["requestBody"], operation["responses"]["200"])
    )
    for name in shown.keys() - taken.keys():
        taken[name] = {**shown[name], "readOnly": True}


def serve_document(page: FastAPI, app: FastAPI) -> None:
    """Have `page` answer its `openapi_url` with the document of `app`.

    In a thread, and made once: it takes half a second of computing, for which the event loop would stand still.
    """
    made = cache(lambda: to_json(describe(app)))
    making = Lock()

    def show(_request: Request) -> Response:  # no coroutine: Starlette calls it in a thread
        with making:
            return Response(made(), media_type="application/json")

    if page.openapi_url is not None:
        page.router.routes.insert(0, Route(page.openapi_url, show, include_in_schema=False))


def _complete(path: str, method: str, operation: Json, shared: Json) -> None:
    responses = operation["responses"]
    if method in WRITES:
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {}).update(_describe_headers(WRITTEN_HEADERS))
    is_public = operation.get("security") == []
    for status, titles in _list_problems(path, method, responses, is_public=is_public).items():
        name = ".".join([f"Problem{status}", *sorted(titles)])
        shared.setdefault(name, _describe_problem(status, titles))
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        text = "The same key with the same body replays the first answer, 24 h"
        parameters.append(_header("Idempotency-Key", text, maxLength=MAX_KEY_LENGTH, pattern="^[ -~]+$"))
    if "412" in responses:
        pattern = r'^(\*|(W/)?"[0-9]{1,18}"( *, *(W/)?"[0-9]{1,18}")*)$'
        parameters.append(_header("If-Match", "The record's ETag; another version is 412", pattern=pattern))


def _list_problems(path: str, method: str, responses: Json, *, is_public: bool) -> dict[str, dict[str, str]]:
    """Return by status, then by slug, the titles of what the edge refuses here and of what the route declares."""
    edge: list[type[Refusal]] = [refusal for refusal in ON_ANY if not (is_public and refusal is Unauthenticated)]
    edge += ON_WRITES if method in WRITES else ()
    edge += ON_POSTS if method == "post" else ()
    edge += ON_IDS if "{" in path else ()
    found: dict[str, dict[str, str]] = {str(status): one[DECLARED] for status, one in problems(*edge).items()}
    for status, response in responses.items():
        if DECLARED in response:
            found[status] = found.get(status, {}) | response[DECLARED]
    return found


def _describe_problem(status: str, titles: dict[str, str]) -> Json:
    """Describe one status: its problem's `type` is one of these slugs."""
    types = {slug: f"/problems/{slug}" for slug in sorted(titles)}
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"type": {"enum": list(types.values())}}}]
    }
    rest = {"status": int(status), "detail": "in words, for people", "instance": "/v1/contacts", "errors": []}
    examples = {slug: {"value": {"type": types[slug], "title": titles[slug], **rest}} for slug in types}
    return {
        "description": f"{MEANINGS[status]}: " + ", ".join(f"`{slug}`" for slug in types),
        "headers": _describe_headers(ANSWER_HEADERS.get(status, {})),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _header(name: str, description: str, **limits: Any) -> Json:
    schema = {"type": "string", **limits}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _describe_headers(headers: dict[str, tuple[str, str]]) -> Json:
    return {name: {"description": text, "schema": {"type": kind}} for name, (text, kind) in headers.items()}
