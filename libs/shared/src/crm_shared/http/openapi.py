"""Completes the OpenAPI document with what CrmRoute does for every endpoint: the token, the headers, the problems."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from crm_shared.http.idempotency import MAX_KEY_LENGTH
from crm_shared.http.problems import MEDIA_TYPE, Problem, to_problem
from crm_shared.refusals import (
    Conflict,
    Forbidden,
    InvalidField,
    MalformedRequest,
    NotFound,
    RateLimited,
    Refusal,
    StaleVersion,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedType,
)

Json = dict[str, Any]

WRITES: Final = {"patch", "delete", "put", "post"}

EVERY: Final[dict[str, tuple[str, Refusal]]] = {
    "401": ("No valid token", Unauthenticated("The token has expired.")),
    "403": ("Your role, or your share of the record, does not allow this", Forbidden("Only an ADMIN may do this.")),
    "404": ("Absent, or out of your sight", NotFound("There is no such record.")),
    "422": (
        "A field or parameter is not valid; `errors` names it",
        InvalidField.at("/email", "is not an e-mail address"),
    ),
    "429": (
        "Too many requests; `Retry-After` tells when to come again",
        RateLimited("The limit is 2000 requests in 10 s.", retry_after_s=3),
    ),
    "503": (
        "A store or another service is away; `Retry-After` tells when to come again",
        Unavailable("The database can't be reached right now. Nothing was lost; try again."),
    ),
}
WRITING: Final[dict[str, tuple[str, Refusal]]] = {
    "400": ("The body or a header can't be read", MalformedRequest("The body is not valid JSON.")),
    "409": ("Conflicts with what is there", Conflict("Another record has this value.")),
    "412": ("If-Match names another version", StaleVersion.between((7,), 9)),
    "413": ("The body is too large", TooLarge("The body may have 1048576 bytes.")),
    "415": ("The body is not of the type that is taken", UnsupportedType("Send application/json.")),
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
    """Give the finished document; made once and kept."""
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
        components["responses"] = {
            f"Problem{status}": _describe_problem(status, description, refusal)
            for status, (description, refusal) in sorted((EVERY | WRITING).items())
        }
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        document["security"] = [{"bearer": []}]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_problem(status: str, description: str, refusal: Refusal) -> Json:
    example = to_problem(refusal, instance="/v1/contacts")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {
        "description": description,
        "headers": _describe_headers(ANSWER_HEADERS.get(status, {})),
        "content": content,
    }


def _complete(path: str, method: str, operation: Json) -> None:
    responses = operation["responses"]
    # A list that is out of sight is empty; a report on one record says in its route that there may be none.
    has_no_404 = method not in WRITES and "{" not in path and "404" not in responses
    if method in WRITES:
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {}).update(_describe_headers(WRITTEN_HEADERS))
    for status in EVERY | (WRITING if method in WRITES else {}):
        responses[status] = {"$ref": f"#/components/responses/Problem{status}"}
    if has_no_404:
        del responses["404"]
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        text = "The same key with the same body replays the first answer, 24 h"
        parameters.append(_header("Idempotency-Key", text, maxLength=MAX_KEY_LENGTH, pattern="^[ -~]+$"))
    if method in {"patch", "delete", "post"} and "{" in path:
        pattern = r'^(\*|"[0-9]{1,18}"( *, *"[0-9]{1,18}")*)$'
        parameters.append(_header("If-Match", "The record's ETag; another version is 412", pattern=pattern))


def _header(name: str, description: str, **limits: Any) -> Json:
    schema = {"type": "string", **limits}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _describe_headers(headers: dict[str, tuple[str, str]]) -> Json:
    return {name: {"description": text, "schema": {"type": kind}} for name, (text, kind) in headers.items()}
