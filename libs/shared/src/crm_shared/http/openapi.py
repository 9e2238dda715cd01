"""Completes the OpenAPI document with what CrmRoute does for every endpoint: the token, the headers, the problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from crm_shared.http.problems import MEDIA_TYPE, Problem

WRITES = {"patch", "delete", "put", "post"}
COMMON = {
    "400": "The body or a header can't be read",
    "401": "No valid token",
    "403": "Your role does not allow this",
    "404": "Absent, or out of your sight",
    "413": "The body is too large",
    "415": "The body is not application/json",
    "422": "A field or parameter is not valid; `errors` names it",
    "429": "Too many requests; `Retry-After` tells when to come again",
    "503": "A store or another service is away; `Retry-After` tells when to come again",
}
CONFLICTS = {"409": "Conflicts with what is there", "412": "If-Match names another version"}


def describe(app: FastAPI) -> dict[str, Any]:
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
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        document["security"] = [{"bearer": []}]
        for path in document["paths"].values():
            for method, operation in path.items():
                _complete(method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(method: str, operation: dict[str, Any]) -> None:
    answers = COMMON | (CONFLICTS if method in WRITES else {})
    for status, description in answers.items():
        operation["responses"][status] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        parameters.append(_header("Idempotency-Key", "The same key with the same body replays the first answer, 24 h"))
    if method in {"patch", "delete", "post"}:
        parameters.append(_header("If-Match", "The record's ETag; another version is 412"))


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
