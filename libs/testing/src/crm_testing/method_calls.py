"""Holds the paths of an OpenAPI document against the running service: their methods, and ids that are none."""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import httpx

METHODS: Final = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND")
_PARAMETER: Final = re.compile(r"\{([^}]*)\}")
_STATUS_OF_OPTIONS: Final = 204


async def list_wrong_methods(client: httpx.AsyncClient, document: Mapping[str, Any]) -> list[str]:
    """Say where OPTIONS, or the Allow of a 405, names other methods than the document; empty when all is well."""
    wrong = []
    for template, operations in document["paths"].items():
        path = _PARAMETER.sub(str(uuid4()), template)
        documented = {method.upper() for method in operations} & set(METHODS)
        allow = ", ".join(sorted(documented | {"OPTIONS"}))
        options = await client.options(path)
        if (options.status_code, options.headers.get("allow")) != (_STATUS_OF_OPTIONS, allow):
            wrong.append(f"OPTIONS {template}: {options.status_code}, Allow: {options.headers.get('allow')}")
        for method in set(METHODS) - documented:
            answer = await client.request(method, path)
            if (answer.status_code, answer.headers.get("allow")) != (httpx.codes.METHOD_NOT_ALLOWED, allow):
                wrong.append(f"{method} {template}: {answer.status_code}, Allow: {answer.headers.get('allow')}")
    return wrong


async def list_wrong_ids(client: httpx.AsyncClient, document: Mapping[str, Any]) -> list[str]:
    """Say where a path id that is no UUID is answered by anything but 404. `client` calls as ADMIN."""
    wrong = []
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            ids = {
                parameter["name"]
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "path" and parameter["schema"].get("format") == "uuid"
            }
            for name in ids:
                path = _PARAMETER.sub(str(uuid4()), template.replace(f"{{{name}}}", "no-id"))
                answer = await client.request(method.upper(), path)
                if answer.status_code != httpx.codes.NOT_FOUND:
                    wrong.append(f"{method.upper()} {path}: {answer.status_code}")
    return wrong
